import { IsExternalId, IsParts, IsText, SyncQuery } from '#libs/http';
import { ConsentDto } from '../consents/consent.dto.js';
import { IsAttributes } from './attributes.js';

const LONGEST_CONTACT = 320;

export class ContributeDto {
  @IsExternalId({ example: 'aurora-17', description: 'The brand’s own id of the member, for ever.' })
  externalId!: string;

  @IsText(LONGEST_CONTACT, { optional: true, example: '+8613800138000' })
  phone?: string | null;

  @IsText(LONGEST_CONTACT, { optional: true, example: 'x@example.cn' })
  email?: string | null;

  @IsParts(() => ConsentDto, { optional: true, min: 0, max: 20 })
  consents?: ConsentDto[] | null;

  @IsAttributes({ optional: true })
  attributes?: Record<string, string> | null;
}

export class ChangeMemberDto {
  @IsText(LONGEST_CONTACT, { optional: true, example: '+8613900139000', description: 'Absent stays, null goes.' })
  phone?: string | null;

  @IsText(LONGEST_CONTACT, { optional: true, example: 'y@example.cn', description: 'Absent stays, null goes.' })
  email?: string | null;

  @IsAttributes({ optional: true, clearable: true, description: 'Absent stays, null goes.' })
  attributes?: Record<string, string | null> | null;
}

export class MembersQuery extends SyncQuery {
  @IsExternalId({ optional: true, description: 'Only the member of this id.' })
  externalId?: string;
}
