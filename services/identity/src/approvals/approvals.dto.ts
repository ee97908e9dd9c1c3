import { ApiProperty } from '@nestjs/swagger';
import { IsObject } from 'class-validator';
import { IsOneOf, IsText, PageQuery } from '#libs/http';
import type { ApprovalState } from './approval.js';

export const APPROVAL_STATES = ['pending', 'approved', 'refused', 'used', 'expired'] as const;

export class ApprovalsQuery extends PageQuery {
  @IsOneOf(APPROVAL_STATES, { optional: true })
  state?: ApprovalState;

  @IsText(64, { optional: true, example: 'order.large' })
  act?: string;

  @IsText(128, { optional: true, description: 'The client that asked.', example: 'cl_06EXAMPLE000000000000000AB' })
  maker?: string;

  @IsText(63, { optional: true, description: 'The brand that the act concerns.', example: 'aurora' })
  brand?: string;
}

export class ApproveBody {
  @IsText(71, {
    pattern: /^sha256:[0-9a-f]{64}$/,
    description: 'SHA-256 of the canonical JSON (RFC 8785) of the payload that was read.',
    example: `sha256:${'0'.repeat(64)}`,
  })
  payloadHash!: string;
}

export class RefuseBody {
  @IsText(500, { optional: true })
  reason?: string | null;
}

export class GuardedActBody {
  @IsText(64)
  act!: string;

  @IsText(128)
  maker!: string;

  @IsObject()
  @ApiProperty({ type: 'object', additionalProperties: true })
  payload!: Record<string, unknown>;
}

export class AskApprovalBody extends GuardedActBody {
  @IsText(64, { optional: true, description: 'The approval that the act has used up already.' })
  used?: string | null;
}
