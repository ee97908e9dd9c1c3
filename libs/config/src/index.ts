export { ConfigError, defineConfig, field, loadConfig, redacted } from './config.js';
export type { ConfigOf, ConfigSchema, Environment, Field, Fields } from './config.js';
export { processFields, serviceFields, serviceUrls } from './service-fields.js';
export type { ProcessConfig, ServiceConfig, ServiceUrls } from './service-fields.js';
export { flag, integer, list, oneOf, port, text, url, zone } from './types.js';
