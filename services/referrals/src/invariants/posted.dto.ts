import { IsInstant, IsParts, IsText } from '#libs/http';

class OnePosting {
  /** Id of an entry or a conversion. Other ids count nothing. */
  @IsText(100)
  postingId!: string;
}

/** Selects postings by time, by id, or by both. */
export class PostedBody {
  @IsInstant({ optional: true })
  from?: string | null;

  /** End of the span, exclusive. */
  @IsInstant({ optional: true })
  to?: string | null;

  @IsParts(() => OnePosting, { optional: true, max: 500 })
  postings?: OnePosting[] | null;
}
