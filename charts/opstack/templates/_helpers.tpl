{{/* What a Deployment selects its Pods by, for ever. */}}
{{- define "opstack.selector" -}}
app.kubernetes.io/name: opstack
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "opstack.labels" -}}
{{ include "opstack.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: opstack
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "opstack.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* Where the component of a plugin comes from: a Plugin's spec.source, of (list $name $plugin $). */}}
{{- define "opstack.source" -}}
{{- $name := index . 0 }}{{ $plugin := index . 1 }}{{ $root := index . 2 }}
{{- if eq $root.Values.plugins.source "image" -}}
path: {{ $root.Values.plugins.directory }}/{{ $name }}.wasm
{{- else -}}
configMap: {name: {{ $plugin.configMap | default (printf "plugin-%s" $name) }}, namespace: {{ $root.Release.Namespace }}}
{{- end }}
{{- end }}

{{/* What the operator may do with objects: in the cluster, or in each namespace that it serves. */}}
{{- define "opstack.objectRules" -}}
{{ .Files.Get "files/object-rules.yaml" | trim }}
{{- with .Values.rbac.extraRules }}
{{ toYaml . }}
{{- end }}
{{- end }}
