//! A map of few keys, as a sorted list. A B-tree makes room for eleven keys with the first one, and there are tens of
//! thousands of maps here with one key each.

use std::borrow::Borrow;

/// The keys and their values, in the order of the keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(vec![])
    }
}

impl<K: Ord, V> Sorted<K, V> {
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(known, _)| known.borrow().cmp(key))
    }

    pub(crate) fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.find(key).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// Adds a key, or gives one that is there another value.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        match self.find(&key) {
            Ok(at) => self.0.splice(at..=at, [(key, value)]).for_each(drop),
            Err(at) => {
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (key, value));
            }
        }
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Ok(at) = self.find(key) {
            self.0.remove(at);
        }
    }

    pub(crate) fn retain(&mut self, is_kept: impl Fn(&K) -> bool) {
        self.0.retain(|(key, _)| is_kept(key));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Sorted<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.shrink_to_fit();
        Self(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0..6_u8, 0..3_u8, any::<u8>()), 0..40)) {
            let (mut sorted, mut model) = (Sorted::default(), BTreeMap::new());
            for (key, step, value) in steps {
                match step {
                    0 => sorted.remove(&key),
                    1 => sorted.retain(|known| *known != key),
                    _ => sorted.insert(key, value),
                }
                if step < 2 {
                    model.remove(&key);
                } else {
                    model.insert(key, value);
                }
                prop_assert_eq!(sorted.contains(&key), model.contains_key(&key));
                prop_assert_eq!(sorted.get_mut(&key).copied(), model.get(&key).copied());
                prop_assert!(sorted.iter().eq(model.iter()));
                prop_assert_eq!(sorted.is_empty(), model.is_empty());
            }
            prop_assert_eq!(&sorted, &model.into_iter().rev().collect::<Sorted<_, _>>());
        }
    }
}
