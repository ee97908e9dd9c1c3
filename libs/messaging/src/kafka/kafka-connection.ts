import { readFileSync } from 'node:fs';
import { Kafka, logLevel, type KafkaConfig } from 'kafkajs';
import { ConfigError } from '#libs/config';
import type { KafkaAccess } from '../ports.js';
import { tokenProvider } from './oauth-token.js';

/**
 * Brokers, TLS and identity for kafkajs. Files are read once: a new certificate needs a restart.
 * @throws ConfigError naming all settings that do not fit together
 */
export function connectionOf(access: KafkaAccess): Pick<KafkaConfig, 'brokers' | 'ssl' | 'sasl'> {
  const faults = faultsOf(access);
  if (faults.length > 0) throw new ConfigError('Kafka', faults);
  const brokers = [...access.kafkaBrokers];
  if (access.kafkaSsl !== 'verify-full') return { brokers };
  const pem = (file: string | undefined): string | undefined => (blank(file) ? undefined : readFileSync(file, 'utf8'));
  const ca = pem(access.kafkaSslCaFile);
  const cert = pem(access.kafkaSslCertFile);
  const key = pem(access.kafkaSslKeyFile);
  const sasl = saslOf(access);
  return {
    brokers,
    ssl: {
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    },
    ...(sasl === undefined ? {} : { sasl }),
  };
}

/** A kafkajs client with the settings of all parts of messaging. */
export function kafkaClient(access: KafkaAccess, clientId: string): Kafka {
  return new Kafka({
    ...connectionOf(access),
    clientId,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 2_000 },
  });
}

function blank(value: string | undefined): value is '' | undefined {
  return value === undefined || value === '';
}

function saslOf(access: KafkaAccess): KafkaConfig['sasl'] {
  const { kafkaSasl: mechanism, kafkaSaslUsername: username = '', kafkaSaslPassword: password = '' } = access;
  if (mechanism === 'scram-sha-256') return { mechanism, username, password };
  if (mechanism === 'scram-sha-512') return { mechanism, username, password };
  if (mechanism !== 'oauthbearer') return undefined;
  const { kafkaSaslTokenUrl: url = '', kafkaSaslScope: scope = '' } = access;
  return {
    mechanism: 'oauthbearer',
    oauthBearerProvider: tokenProvider({ url, clientId: username, clientSecret: password, scope }),
  };
}

function faultsOf(access: KafkaAccess): string[] {
  const { kafkaSasl: sasl = 'none' } = access;
  const tls = access.kafkaSsl === 'verify-full';
  const missing = (variable: string, value: string | undefined): string[] =>
    blank(value) ? [`${variable} is missing: KAFKA_SASL is ${sasl}`] : [];
  return [
    ...(blank(access.kafkaSslCertFile) === blank(access.kafkaSslKeyFile)
      ? []
      : ['KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE belong together']),
    ...(!tls && !(blank(access.kafkaSslCaFile) && blank(access.kafkaSslCertFile))
      ? ['KAFKA_SSL is off, yet files for it are named']
      : []),
    ...(!tls && sasl !== 'none' ? [`KAFKA_SASL is ${sasl}, which requires KAFKA_SSL=verify-full`] : []),
    ...(sasl === 'none' ? [] : missing('KAFKA_SASL_USERNAME', access.kafkaSaslUsername)),
    ...(sasl === 'none' ? [] : missing('KAFKA_SASL_PASSWORD', access.kafkaSaslPassword)),
    ...(sasl === 'oauthbearer' ? missing('KAFKA_SASL_TOKEN_URL', access.kafkaSaslTokenUrl) : []),
  ];
}
