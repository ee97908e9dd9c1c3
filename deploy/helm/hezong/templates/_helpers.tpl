{{/* URLs of every instance of every service: <SERVICE>_URL, comma-separated. */}}
{{- define "hezong.urls" -}}
{{- range $name, $service := .Values.services }}
{{- if ne $name "gateway" }}
{{- $urls := list }}
{{- range $i := until (int $service.replicas) }}
{{- $urls = append $urls (printf "http://%s-%d.%s:8080" $name $i $name) }}
{{- end }}
{{ upper $name }}_URL: {{ join "," $urls | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* What every container may and may not do. */}}
{{- define "hezong.containerSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: { drop: ["ALL"] }
seccompProfile: { type: RuntimeDefault }
{{- end }}
