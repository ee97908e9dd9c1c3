import { defineConfig, serviceFields } from '#libs/config';
import type { ConfigOf } from '#libs/config';

export const partnersConfig = defineConfig('partners', serviceFields());

export type PartnersConfig = ConfigOf<typeof partnersConfig>;

/** Injection token of the configuration. */
export const PARTNERS_CONFIG = Symbol('PARTNERS_CONFIG');
