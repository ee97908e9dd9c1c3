import { defineConfig, serviceFields } from '#libs/config';
import type { ConfigOf } from '#libs/config';

export const referralsConfig = defineConfig('referrals', { ...serviceFields() });

export type ReferralsConfig = ConfigOf<typeof referralsConfig>;
