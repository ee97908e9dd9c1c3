import { Injectable } from '@nestjs/common';

import { idFromUuid, uuidFromId } from '#libs/kernel';
import type { IdPrefix } from '#libs/kernel';
import { ReaderKey } from '#libs/postgres';

/**
 * Ids of a wallet's things on their way out and in. Inside they begin with the instant at which they were made and end in the wallet's last
 * byte: two brands that saw such ids could tell by them which of their members are one person. What leaves tells nothing of either.
 */
@Injectable()
export class WireIdsService {
  constructor(private readonly key: ReaderKey) {}

  /** `od_…` for the uuid of something of a wallet. */
  out(prefix: IdPrefix, uuid: string): string {
    return idFromUuid(prefix, this.key.masked(uuid));
  }

  /** The uuid behind an id that {@link out} gave, or null when the text is no id of this prefix. */
  in(prefix: IdPrefix, id: string): string | null {
    const uuid = uuidFromId(prefix, id);
    return uuid === null ? null : this.key.unmasked(uuid);
  }
}
