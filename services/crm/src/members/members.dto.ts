import { IsExternalId, IsInstant, IsOneOf, IsPart, IsParts, IsText, SyncQuery } from '#libs/http';
import { instantFrom } from '#libs/kernel';
import { ConsentDto } from '../consents/consents.dto.js';
import { PROOF_METHODS } from '../contacts/proof.js';
import type { Proof, Proofs } from '../contacts/proof.js';
import { IsAttributes } from './attributes.js';

const LONGEST_CONTACT = 320;

const METHOD = 'How the contact point was verified. Default: as the contract says.';

class VerifiedPhoneDto {
  @IsOneOf(PROOF_METHODS.phone, { example: 'sms_code', description: METHOD })
  method!: string;

  @IsInstant({ example: '2026-03-01T09:00:00+08:00' })
  at!: string;
}

class VerifiedEmailDto {
  @IsOneOf(PROOF_METHODS.email, { example: 'email_link', description: METHOD })
  method!: string;

  @IsInstant({ example: '2026-03-01T09:00:00+08:00' })
  at!: string;
}

export class VerifiedDto {
  @IsPart(() => VerifiedPhoneDto, { optional: true })
  phone?: VerifiedPhoneDto | null;

  @IsPart(() => VerifiedEmailDto, { optional: true })
  email?: VerifiedEmailDto | null;
}

export function proofsFrom(verified: VerifiedDto | null | undefined): Proofs {
  const proof = (said: { method: string; at: string } | null | undefined): Proof | null =>
    said == null ? null : { method: said.method, at: instantFrom(said.at) };
  return { phone: proof(verified?.phone), email: proof(verified?.email) };
}

export class ContributeDto {
  @IsExternalId({ example: 'aurora-17', description: 'The brand’s own permanent id of the member.' })
  externalId!: string;

  @IsText(LONGEST_CONTACT, { optional: true, example: '+8613800138000' })
  phone?: string | null;

  @IsText(LONGEST_CONTACT, { optional: true, example: 'x@example.cn' })
  email?: string | null;

  @IsPart(() => VerifiedDto, { optional: true })
  verified?: VerifiedDto | null;

  @IsParts(() => ConsentDto, { optional: true, min: 0, max: 20 })
  consents?: ConsentDto[] | null;

  @IsAttributes({ optional: true })
  attributes?: Record<string, string> | null;
}

export class ChangeMemberDto {
  @IsText(LONGEST_CONTACT, {
    optional: true,
    example: '+8613900139000',
    description: 'Absent: unchanged. null: removed.',
  })
  phone?: string | null;

  @IsText(LONGEST_CONTACT, {
    optional: true,
    example: 'y@example.cn',
    description: 'Absent: unchanged. null: removed.',
  })
  email?: string | null;

  @IsPart(() => VerifiedDto, { optional: true })
  verified?: VerifiedDto | null;

  @IsAttributes({ optional: true, clearable: true, description: 'Absent: unchanged. null: removed.' })
  attributes?: Record<string, string | null> | null;
}

export class MembersQuery extends SyncQuery {
  @IsExternalId({ optional: true, description: 'Only the member with this id.' })
  externalId?: string;
}
