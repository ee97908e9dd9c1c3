import { IsFlag, IsInstant, IsOneOf, IsText } from '#libs/http';
import { instantFrom } from '#libs/kernel';
import { CONSENT_PURPOSES } from './consent.js';
import type { Consent, ConsentPurpose } from './consent.js';

export class ConsentDto {
  @IsOneOf(CONSENT_PURPOSES, { example: 'join_pool' })
  purpose!: ConsentPurpose;

  @IsFlag({ example: true, description: 'false withdraws the consent.' })
  granted!: boolean;

  @IsText(64, { example: '2026-01', description: 'Version of the text that the member accepted.' })
  policyVersion!: string;

  @IsText(64, { example: 'app', description: 'Where the member gave the consent.' })
  channel!: string;

  @IsInstant({ example: '2026-03-01T09:00:00+08:00' })
  at!: string;
}

export function consentFrom({ purpose, granted, policyVersion, channel, at }: ConsentDto): Consent {
  return { purpose, granted, policyVersion, channel, at: instantFrom(at) };
}
