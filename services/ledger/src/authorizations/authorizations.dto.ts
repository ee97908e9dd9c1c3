import { IsExternalId, IsFlag, IsInstant, IsPoints, IsText, IsWhole } from '#libs/http';
import { fail } from '#libs/kernel';
import type { FieldFault } from '#libs/kernel';

import type { DirectAsk } from './authorization.js';

/** Longest and default lifetime of an authorization, in seconds. */
export const MAX_TTL = 7 * 24 * 3600;
export const DEFAULT_TTL = 900;

/** An authorization request: either by quote, or direct with member, store and points. */
export class AuthorizationDto {
  @IsExternalId({ example: 'C-881' })
  externalId!: string;

  @IsText(64, { optional: true, example: 'qt_06EXAMPLE000000000000000AB' })
  quoteId?: string | null;

  @IsText(64, { optional: true, example: 'mb_06EXAMPLE000000000000000AB', description: 'Only without quoteId.' })
  memberRef?: string | null;

  @IsText(64, { optional: true, example: 'C-014', description: 'Only without quoteId.' })
  storeRef?: string | null;

  @IsPoints({ optional: true, description: 'Only without quoteId.' })
  points?: number | null;

  @IsWhole(1, MAX_TTL, { optional: true, example: DEFAULT_TTL })
  ttlSeconds?: number | null;
}

export class CaptureDto {
  @IsExternalId({ example: 'C-881-1' })
  externalId!: string;

  @IsPoints({ optional: true, description: 'Default: everything left.' })
  points?: number | null;

  @IsFlag({ optional: true, description: 'Release the rest afterwards. Default: true.' })
  final?: boolean | null;

  @IsInstant({ optional: true, description: 'Default: now. Not earlier than the authorization.' })
  occurredAt?: string | null;
}

export class VoidDto {
  @IsExternalId({ example: 'C-881-v' })
  externalId!: string;
}

export class RedemptionReturnDto {
  @IsExternalId({ example: 'C-RET-1' })
  externalId!: string;

  @IsPoints({ example: 2000 })
  points!: number;

  @IsInstant({ optional: true, description: 'Default: now. Not earlier than the authorization.' })
  occurredAt?: string | null;
}

/** Distinguishes the two forms: returns null for a request by quote, or the direct request. Refuses a mixture of both. */
export function directAskFrom({ quoteId, memberRef, storeRef, points }: AuthorizationDto): DirectAsk | null {
  if (typeof quoteId === 'string') {
    const said: [string, unknown][] = Object.entries({ memberRef, storeRef, points });
    const faults: FieldFault[] = said
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([field]) => ({ pointer: `/${field}`, code: 'not_allowed', detail: 'Already given by the quote.' }));
    if (faults.length > 0) fail('validation_failed', { errors: faults });
    return null;
  }
  if (typeof memberRef !== 'string' || typeof points !== 'number') {
    const missing = Object.entries({ memberRef, points }).filter(([, value]) => value === undefined || value === null);
    const detail = 'The field is missing, and there is no quoteId.';
    return fail('validation_failed', {
      errors: missing.map(([field]) => ({ pointer: `/${field}`, code: 'required', detail })),
    });
  }
  return { memberRef, storeRef: storeRef ?? null, points: BigInt(points) };
}
