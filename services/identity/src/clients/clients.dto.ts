import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsObject, IsOptional } from 'class-validator';
import { BRAND_SCOPES } from '#libs/auth';
import { IsOneOf, IsText } from '#libs/http';

/** What every client has; all that is asked about one of the operator's. */
export class NewOperatorClientBody {
  @IsText(80, { example: 'pos', description: 'For people: which machine, or whose hand, this is.' })
  name!: string;

  @IsOptional()
  @IsObject()
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'Public keys: the client then authenticates by private_key_jwt and has no secret.',
  })
  jwks?: Record<string, unknown> | null;
}

export class NewBrandClientBody extends NewOperatorClientBody {
  @IsOneOf(BRAND_SCOPES, {
    each: true,
    minItems: 1,
    optional: true,
    description: 'All that a brand may have, if absent.',
  })
  scopes?: string[] | null;
}
