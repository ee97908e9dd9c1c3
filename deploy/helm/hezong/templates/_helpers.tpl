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

{{/* Who calls a service (`deploy/tools/chart-check.ts` derives them anew from the code). */}}
{{- define "hezong.callers" -}}
partners: [crm, gateway, identity, ledger, membership, referrals, settlement]
identity: [crm, gateway, ledger, membership, partners, referrals, settlement]
crm: [gateway, ledger, membership, partners, referrals, settlement]
ledger: [crm, gateway, partners, settlement]
membership: [gateway, partners]
referrals: [gateway, partners, settlement]
settlement: [gateway, partners]
gateway: []
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

{{/* Where Kafka is and how to speak to it, but for the password. */}}
{{- define "hezong.kafka" -}}
KAFKA_BROKERS: {{ required "kafka.brokers is missing" .Values.kafka.brokers | quote }}
KAFKA_SSL: {{ .Values.kafka.ssl | quote }}
{{- if .Values.kafka.sslSecret }}
KAFKA_SSL_CA_FILE: "/etc/hezong/kafka/ca.crt"
{{- if .Values.kafka.clientCertificate }}
KAFKA_SSL_CERT_FILE: "/etc/hezong/kafka/tls.crt"
KAFKA_SSL_KEY_FILE: "/etc/hezong/kafka/tls.key"
{{- end }}
{{- end }}
KAFKA_SASL: {{ .Values.kafka.sasl | quote }}
{{- if .Values.kafka.tokenUrl }}
KAFKA_SASL_TOKEN_URL: {{ .Values.kafka.tokenUrl | quote }}
KAFKA_SASL_SCOPE: {{ .Values.kafka.scope | quote }}
{{- end }}
{{- end }}

{{/* Volumes of every pod of ours, and where they are mounted. */}}
{{- define "hezong.volumes" -}}
- { name: tmp, emptyDir: {} }
{{- if .Values.kafka.sslSecret }}
- { name: kafka, secret: { secretName: {{ .Values.kafka.sslSecret }}, defaultMode: 0440 } }
{{- end }}
{{- if .Values.postgres.caSecret }}
- { name: postgres, secret: { secretName: {{ .Values.postgres.caSecret }}, defaultMode: 0440, items: [{ key: ca.crt, path: ca.crt }] } }
{{- end }}
{{- end }}
{{- define "hezong.mounts" -}}
- { name: tmp, mountPath: /tmp }
{{- if .Values.kafka.sslSecret }}
- { name: kafka, mountPath: /etc/hezong/kafka, readOnly: true }
{{- end }}
{{- if .Values.postgres.caSecret }}
- { name: postgres, mountPath: /etc/hezong/postgres, readOnly: true }
{{- end }}
{{- end }}
