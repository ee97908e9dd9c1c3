export const SERVICE_NAME: unique symbol = Symbol('hezong.service');

/** Injection token of the service's typed configuration. */
export const CONFIG: unique symbol = Symbol('hezong.config');
