export { ConfigError, defineConfig, field, loadConfig, redacted } from './config.js';
export type { ConfigOf, ConfigSchema, Environment, Field, Fields } from './config.js';
export { kafkaFields } from './kafka-fields.js';
export { EVERY_SERVICE, instanceUrls, processFields, serviceFields, serviceUrls } from './service-fields.js';
export type { ProcessConfig, ServiceConfig, ServiceName, ServiceUrls } from './service-fields.js';
export { databaseUrl, firstUrl, flag, integer, list, oneOf, port, text, url, urlList, zone } from './types.js';
export type { PrivateKey, PublicKey } from './types.js';
