import { IsInstant, IsParts, IsText } from '#libs/http';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

class OnePosting {
  @IsText(36, { pattern: UUID })
  walletId!: string;

  @IsText(36, { pattern: UUID })
  postingId!: string;
}

/** Selects postings by time, by id, or by both. */
export class SpentBody {
  @IsInstant({ optional: true })
  from?: string | null;

  /** End of the period, exclusive. */
  @IsInstant({ optional: true })
  to?: string | null;

  @IsParts(() => OnePosting, { optional: true, max: 500 })
  postings?: OnePosting[] | null;
}
