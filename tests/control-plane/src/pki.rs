//! The certificates and keys of one control plane, made anew for each.

use std::{
    fs,
    io::Read as _,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;

/// Names by which the API server is called: from this machine, and from inside of the cluster.
const SERVER_NAMES: [&str; 6] = [
    "localhost",
    crate::flags::FIRST_SERVICE_ADDRESS,
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// Where a certificate and its key are.
pub(crate) struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// A certificate authority and what it has signed so far, as files in one directory.
pub(crate) struct Pki {
    directory: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    pub(crate) fn create(directory: PathBuf) -> Result<Self> {
        fs::create_dir_all(&directory)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = subject("opstack test authority", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        fs::write(directory.join("ca.crt"), authority.pem())?;
        Ok(Self { directory, authority })
    }

    /// The authority's certificate, as a file.
    pub(crate) fn authority(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    pub(crate) fn authority_der(&self) -> &CertificateDer<'static> {
        self.authority.der()
    }

    /// The API server's own certificate, if it listens at `address`.
    pub(crate) fn server(&self, address: Ipv4Addr) -> Result<Identity> {
        let names = SERVER_NAMES.map(String::from).into_iter().chain([address.to_string()]);
        let mut params = CertificateParams::new(names.collect::<Vec<_>>())?;
        params.distinguished_name = subject("kube-apiserver", None);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign("kube-apiserver", params)
    }

    /// A certificate that the API server takes for `user`, a member of `group`.
    pub(crate) fn client(&self, user: &str, group: Option<&str>) -> Result<Identity> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = subject(user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let member = group.map_or_else(|| user.to_owned(), |group| format!("{user}@{group}"));
        self.sign(&format!("client-{}", file_name(&member)), params)
    }

    fn sign(&self, name: &str, mut params: CertificateParams) -> Result<Identity> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let certificate = params
            .signed_by(&key, &self.authority)
            .with_context(|| format!("failed to sign the certificate of {name}"))?;
        let identity = Identity {
            certificate: self.directory.join(format!("{name}.crt")),
            key: self.directory.join(format!("{name}.key")),
        };
        fs::write(&identity.certificate, certificate.pem())?;
        fs::write(&identity.key, key.serialize_pem())?;
        Ok(identity)
    }

    /// Where the key is that signs the tokens of service accounts.
    pub(crate) fn service_account_key(&self) -> PathBuf {
        self.directory.join("service-accounts.key")
    }

    /// Makes the key pair that signs and checks the tokens of service accounts: (private, public).
    pub(crate) fn service_account_keys(&self) -> Result<(PathBuf, PathBuf)> {
        let key = KeyPair::generate()?;
        let private = self.service_account_key();
        let public = self.directory.join("service-accounts.pub");
        fs::write(&private, key.serialize_pem())?;
        fs::write(&public, key.public_key_pem())?;
        Ok((private, public))
    }
}

fn subject(common_name: &str, organization: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name.push(DnType::CommonName, common_name);
    name
}

/// A user's name as part of a file name. Different names stay different.
pub(crate) fn file_name(user: &str) -> String {
    user.chars().fold(String::new(), |name, c| match c {
        '-' | '.' => name + &c.to_string(),
        _ if c.is_ascii_alphanumeric() => name + &c.to_string(),
        _ => format!("{name}_{:x}_", u32::from(c)),
    })
}

/// A secret of 128 random bits, in hexadecimal digits.
pub(crate) fn random_token() -> Result<String> {
    let mut bytes = [0_u8; 16];
    fs::File::open(Path::new("/dev/urandom"))
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("failed to read random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_users_have_different_files() {
        let names = ["a:b", "a_b", "a/b", "a_3a_b", "a-b", "a.b", "ab"].map(file_name);
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{names:?}");
            assert!(!name.contains('/'), "{name}");
        }
    }

    #[test]
    fn tokens_are_not_repeated() {
        let token = random_token().expect("randomness");
        assert_eq!(token.len(), 32);
        assert_ne!(random_token().expect("randomness"), token);
    }
}
