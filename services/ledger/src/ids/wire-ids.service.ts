import { Injectable } from '@nestjs/common';

import { idFromUuid, uuidFromId } from '#libs/kernel';
import type { IdPrefix } from '#libs/kernel';
import { ReaderKey } from '#libs/postgres';

/**
 * Converts ids of a wallet's objects between internal and public form. Internal ids begin with their creation time and end in the
 * wallet's last byte, so two brands could tell from them which of their members are the same person. Public ids reveal neither.
 */
@Injectable()
export class WireIdsService {
  constructor(private readonly key: ReaderKey) {}

  /** Public id (`od_…`) for the uuid of a wallet's object. */
  out(prefix: IdPrefix, uuid: string): string {
    return idFromUuid(prefix, this.key.masked(uuid));
  }

  /** The uuid behind an id returned by {@link out}; null if the text is not an id with this prefix. */
  in(prefix: IdPrefix, id: string): string | null {
    const uuid = uuidFromId(prefix, id);
    return uuid === null ? null : this.key.unmasked(uuid);
  }
}
