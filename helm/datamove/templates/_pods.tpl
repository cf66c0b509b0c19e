{{/* What the pods of the pools' Job and of the tasks have in common. */}}

{{/* Where Airflow finds the tenants. */}}
{{- define "datamove.env" -}}
- name: AIRFLOW__DATAMOVE__FOLDER
  value: {{ .Values.mountPath }}
- name: AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST
  value: {{ include "datamove.bundles" . | quote }}
{{- end -}}

{{- define "datamove.bundles" -}}
{{- $kwargs := dict "path" .Values.mountPath "refresh_interval" (int .Values.airflow.refreshInterval) -}}
{{- $own := dict "name" "datamove" "classpath" "airflow_datamove.generator.bundle.TenantsBundle" "kwargs" $kwargs -}}
{{- prepend .Values.airflow.otherBundles $own | toJson -}}
{{- end -}}

{{/* The root file system is read-only; what Airflow writes goes to these. */}}
{{- define "datamove.writableVolumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.podTemplates.tmpSize }}
- name: logs
  emptyDir:
    sizeLimit: {{ .Values.podTemplates.tmpSize }}
{{- with .Values.airflow.configMap }}
- name: airflow-config
  configMap:
    name: {{ . }}
{{- end }}
{{- end -}}

{{- define "datamove.writableMounts" -}}
- name: tmp
  mountPath: /tmp
- name: logs
  mountPath: {{ .Values.airflow.home }}/logs
{{- if .Values.airflow.configMap }}
- name: airflow-config
  mountPath: {{ .Values.airflow.home }}/airflow.cfg
  subPath: airflow.cfg
  readOnly: true
{{- end }}
{{- end -}}

{{/* Without airflow.cfg Airflow writes one, which must not be into its read-only home. */}}
{{- define "datamove.homeEnv" -}}
- name: AIRFLOW_HOME
  value: {{ .Values.airflow.home }}
{{- if not .Values.airflow.configMap }}
- name: AIRFLOW_CONFIG
  value: /tmp/airflow.cfg
{{- end }}
{{- end -}}

{{/* One tenant's pod. Call it with (dict "root" $ "tenant" "acme" "resources" (dict "cpu" "1" "memory" "2Gi")). */}}
{{- define "datamove.pod" -}}
{{- $values := .root.Values -}}
apiVersion: v1
kind: Pod
metadata:
  name: placeholder
  labels:
    {{- include "datamove.labels" (dict "root" .root "component" "task") | nindent 4 }}
    datamove/tenant: {{ trimAll "-_" .tenant | quote }}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  {{- with $values.podTemplates.serviceAccountName }}
  serviceAccountName: {{ . }}
  {{- end }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml $values.podSecurityContext | nindent 4 }}
  {{- with $values.podTemplates.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.podTemplates.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: base  # the name that the executor looks for
      image: {{ include "datamove.image" .root }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      securityContext:
        {{- toYaml $values.securityContext | nindent 8 }}
      resources:
        requests: {{ toJson .resources }}
        limits: {{ toJson .resources }}
      env:
        # A task's pod runs its one task by itself.
        - name: AIRFLOW__CORE__EXECUTOR
          value: LocalExecutor
        {{- include "datamove.homeEnv" .root | nindent 8 }}
        {{- include "datamove.env" .root | nindent 8 }}
        {{- with $values.podTemplates.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $values.podTemplates.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        {{- include "datamove.tenantsMount" .root | nindent 8 }}
        {{- include "datamove.writableMounts" .root | nindent 8 }}
        {{- with $values.podTemplates.volumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- include "datamove.tenantsVolume" (dict "root" .root "optional" true "tenant" .tenant) | nindent 4 }}
    {{- include "datamove.writableVolumes" .root | nindent 4 }}
    {{- with $values.podTemplates.volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
