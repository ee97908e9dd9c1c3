import { z } from 'zod';
import { field } from './config.js';
import { list, oneOf } from './types.js';

const maybe: z.ZodType<string> = z.string();

/** A URL to which no secret is sent unencrypted; an empty text means none. */
const tokenUrl: z.ZodType<string> = maybe.refine((value) => {
  if (value === '') return true;
  if (!URL.canParse(value)) return false;
  const { protocol, hostname } = new URL(value);
  return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', 'localhost'].includes(hostname));
}, 'must be an https URL');

/** Kafka's address, how to verify it, and the credentials to use. */
export function kafkaFields() {
  return {
    kafkaBrokers: field('KAFKA_BROKERS', list, 'Bootstrap servers, comma-separated; needed when BROKER is kafka.', {
      default: '',
    }),
    kafkaSsl: field(
      'KAFKA_SSL',
      oneOf('off', 'verify-full'),
      'Whether connections to Kafka use TLS and check the brokers’ certificates and names.',
      { default: 'off' },
    ),
    kafkaSslCaFile: field('KAFKA_SSL_CA_FILE', maybe, 'File with the authority (PEM); empty: those of the system.', {
      default: '',
    }),
    kafkaSslCertFile: field('KAFKA_SSL_CERT_FILE', maybe, 'File with the client’s certificate (PEM); empty: none.', {
      default: '',
    }),
    kafkaSslKeyFile: field('KAFKA_SSL_KEY_FILE', maybe, 'File with the key of that certificate (PEM).', {
      default: '',
    }),
    kafkaSasl: field(
      'KAFKA_SASL',
      oneOf('none', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'),
      'How the client authenticates; only over TLS.',
      { default: 'none' },
    ),
    kafkaSaslUsername: field('KAFKA_SASL_USERNAME', maybe, 'User for scram, or OAuth client id for oauthbearer.', {
      default: '',
    }),
    kafkaSaslPassword: field('KAFKA_SASL_PASSWORD', maybe, 'Password of that user, or secret of that client.', {
      default: '',
      secret: true,
    }),
    kafkaSaslTokenUrl: field(
      'KAFKA_SASL_TOKEN_URL',
      tokenUrl,
      'Token endpoint for oauthbearer (client credentials grant).',
      {
        default: '',
      },
    ),
    kafkaSaslScope: field('KAFKA_SASL_SCOPE', maybe, 'Scope asked for at that endpoint; empty: none.', {
      default: '',
    }),
  };
}
