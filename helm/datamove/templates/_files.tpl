{{/*
The YAML as a JSON object, path -> text: what files/ holds, and over it what the values say.
*/}}
{{- define "datamove.files" -}}
{{- $files := dict -}}
{{- range $path, $_ := .Files.Glob "files/**.yaml" -}}
{{- $_ := set $files (trimPrefix "files/" $path) ($.Files.Get $path) -}}
{{- end -}}
{{- with .Values.platform -}}
{{- $_ := set $files "platform.yaml" (printf "%s\n" (toYaml .)) -}}
{{- end -}}
{{- range $tenant, $told := .Values.tenants -}}
{{- $_ := set $files (printf "tenants/%s/tenant.yaml" $tenant) (printf "%s\n" (toYaml $told.tenant)) -}}
{{- range $pipeline, $text := $told.pipelines -}}
{{- $_ := set $files (printf "tenants/%s/%s.pipeline.yaml" $tenant $pipeline) $text -}}
{{- end -}}
{{- end -}}
{{- if not (hasKey $files "platform.yaml") -}}
{{- fail "there is no platform: write it under platform: in your values, or as files/platform.yaml of this chart" -}}
{{- end -}}
{{- $size := 0 -}}
{{- range $path, $text := $files -}}
{{- if not (regexMatch "^[-_.a-zA-Z0-9/]+$" $path) -}}
{{- fail (printf "%s cannot be a key of a ConfigMap: use letters, digits, - and _ in the names of folders and files" $path) -}}
{{- end -}}
{{- if not (kindIs "map" ($text | fromYaml)) -}}
{{- fail (printf "%s is not a YAML mapping" $path) -}}
{{- end -}}
{{- if hasKey ($text | fromYaml) "Error" -}}
{{- fail (printf "%s cannot be read: %s" $path (get ($text | fromYaml) "Error")) -}}
{{- end -}}
{{- $size = add $size (len $text) -}}
{{- end -}}
{{- if gt (int64 $size) 900000 -}}
{{- fail "the YAML is larger than the 1 MiB that a ConfigMap may hold: keep it in a volume or a git repository instead" -}}
{{- end -}}
{{- toJson $files -}}
{{- end -}}

{{/* A ConfigMap's keys hold no slashes, and two dots are in no name of a tenant or a pipeline. */}}
{{- define "datamove.key" -}}
{{- replace "/" ".." . -}}
{{- end -}}

{{/* The names of the tenants, as {"names": [...]}. */}}
{{- define "datamove.tenantNames" -}}
{{- $names := list -}}
{{- range $path, $_ := include "datamove.files" . | fromJson -}}
{{- if regexMatch "^tenants/[^/]+/tenant[.]yaml$" $path -}}
{{- $names = append $names (index (splitList "/" $path) 1) -}}
{{- end -}}
{{- end -}}
{{- toJson (dict "names" (sortAlpha $names)) -}}
{{- end -}}

{{/*
The volume that lays the YAML out as folders. Call it with (dict "root" $ "optional" true "tenant" "acme"). Optional: a
pod that is made from an older list of files than the ConfigMap holds starts all the same. With a tenant it shows that
one alone, beside platform.yaml.
*/}}
{{- define "datamove.tenantsVolume" -}}
- name: datamove-tenants
  configMap:
    name: {{ include "datamove.fullname" .root }}-tenants
    optional: {{ .optional }}
    items:
    {{- $tenant := .tenant | default "" }}
    {{- range $path, $_ := include "datamove.files" .root | fromJson }}
    {{- if or (not $tenant) (eq $path "platform.yaml") (hasPrefix (printf "tenants/%s/" $tenant) $path) }}
    - key: {{ include "datamove.key" $path }}
      path: {{ $path }}
    {{- end }}
    {{- end }}
{{- end -}}

{{- define "datamove.tenantsMount" -}}
- name: datamove-tenants
  mountPath: {{ .Values.mountPath }}
  readOnly: true
{{- end -}}
