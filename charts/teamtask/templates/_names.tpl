{{/* Labels of an object. Call with (dict "root" $ "component" "controller"). */}}
{{- define "teamtask.labels" -}}
{{ include "teamtask.selector" . }}
app.kubernetes.io/part-of: teamtask
{{- end }}

{{/* Labels that choose the pods of a component; they never change, as a Deployment's selector cannot. */}}
{{- define "teamtask.selector" -}}
app.kubernetes.io/name: teamtask
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* What is cluster-wide but belongs to one release has its namespace in its name where there may be several releases. */}}
{{- define "teamtask.clusterName" -}}
{{- if .root.Values.watchNamespaces }}{{ printf "%s.%s" .name .root.Release.Namespace }}{{ else }}{{ .name }}{{ end }}
{{- end }}

{{/* An image by repository and tag or digest. Call with (dict "root" $ "image" .Values.controller.image). */}}
{{- define "teamtask.image" -}}
{{- if .image.digest }}{{ printf "%s@%s" .image.repository .image.digest }}
{{- else }}{{ printf "%s:%s" .image.repository (.image.tag | default .root.Chart.AppVersion) }}{{ end }}
{{- end }}

{{/* The objects of a file, which may have several. The answer is {"objects": [...]}, as a template can only return text. */}}
{{- define "teamtask.objects" -}}
{{- $objects := list }}
{{- range regexSplit "(?m)^---$" (required (printf "the chart lacks %s" .file) (.root.Files.Get .file)) -1 }}
{{- $objects = append $objects (fromYaml .) }}
{{- end }}
{{- dict "objects" $objects | toYaml }}
{{- end }}

{{/* What a pod of ours needs of its surroundings: nothing. Pod Security Standard "restricted" asks for it. */}}
{{- define "teamtask.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "teamtask.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* A node that is lost takes one replica of a component at most, where there are other nodes. Call with a component. */}}
{{- define "teamtask.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "teamtask.selector" . | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}

{{/* Of a component's replicas one is evicted at a time. For those that have several: the only one could not be evicted at all. */}}
{{- define "teamtask.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: teamtask-{{ .component }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels: {{- include "teamtask.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "teamtask.selector" . | nindent 6 }}
{{- end }}

{{/* Our programs call the API server, and look its name up. Where it is differs by cluster, so only the ports are named. */}}
{{- define "teamtask.egress" -}}
- ports:
  {{- range .Values.networkPolicies.apiServerPorts }}
  - {port: {{ . }}, protocol: TCP}
  {{- end }}
- ports:
  - {port: 53, protocol: UDP}
  - {port: 53, protocol: TCP}
{{- end }}

{{/* How List servers are asked for metrics: a certificate need not name a pod's address. */}}
{{- define "teamtask.scrapeServer" -}}
- port: api
  interval: {{ .interval }}
  honorLabels: true
  {{- if .root.Values.server.tls.secretName }}
  scheme: https
  tlsConfig: {insecureSkipVerify: true}
  {{- end }}
{{- end }}
