import { IsInstant, IsParts, IsText } from '#libs/http';

class OnePosting {
  /** An entry or a conversion. What is none counts nothing. */
  @IsText(100)
  postingId!: string;
}

/** What was posted at a time, what is named, or of what is named the part of a time. */
export class PostedBody {
  @IsInstant({ optional: true })
  from?: string | null;

  /** First instant that no longer counts. */
  @IsInstant({ optional: true })
  to?: string | null;

  @IsParts(() => OnePosting, { optional: true, max: 500 })
  postings?: OnePosting[] | null;
}
