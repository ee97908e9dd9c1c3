import { defineConfig, instanceUrls, serviceFields } from '#libs/config';
import type { ConfigOf } from '#libs/config';

export const partnersConfig = defineConfig('partners', serviceFields());

export type PartnersConfig = ConfigOf<typeof partnersConfig>;

export const PARTNERS_CONFIG = Symbol('PARTNERS_CONFIG');

/**
 * Base URLs of all instances of the other services, without duplicates: a service that this network does not run has another's
 * address.
 */
export function otherServices(config: PartnersConfig): string[] {
  const urls = new Set(Object.values(instanceUrls(config)).flat());
  for (const own of config.partnersUrls) urls.delete(own);
  return [...urls];
}
