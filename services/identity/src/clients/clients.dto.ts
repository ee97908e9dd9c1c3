import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsObject, IsOptional } from 'class-validator';
import { BRAND_SCOPES } from '#libs/auth';
import { IsOneOf, IsText } from '#libs/http';

/** Fields that every client has; a request for an operator client has no others. */
export class NewOperatorClientBody {
  @IsText(80, { example: 'pos', description: 'For people: the machine or the person behind this client.' })
  name!: string;

  @IsOptional()
  @IsObject()
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'Public keys. The client then authenticates with private_key_jwt and has no secret.',
  })
  jwks?: Record<string, unknown> | null;
}

export class NewBrandClientBody extends NewOperatorClientBody {
  @IsOneOf(BRAND_SCOPES, {
    each: true,
    minItems: 1,
    optional: true,
    description: 'Default: all scopes that a brand may have.',
  })
  scopes?: string[] | null;
}
