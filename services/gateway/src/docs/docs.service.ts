import { Injectable } from '@nestjs/common';
import { monotonicMs } from '#libs/kernel';
import { NetworkClient } from '../network/network.client.js';
import { mergeOpenApi } from './openapi.js';
import type { OpenApi } from './openapi.js';
import { OwnDocument } from './own-document.js';
import { referencePage } from './reference-page.js';
import { tagged } from './tagged.http.js';
import type { Tagged } from './tagged.http.js';

interface Documentation {
  readonly json: Tagged;
  readonly html: Tagged;
}

const KEEP_MS = 60_000;
const LIMIT_MS = 5_000;

/** The document of the whole network, collected from the services on first request and cached for a minute. */
@Injectable()
export class DocsService {
  private kept: { documentation: Promise<Documentation>; until: number } | undefined;

  constructor(
    private readonly network: NetworkClient,
    private readonly own: OwnDocument,
  ) {}

  documentation(): Promise<Documentation> {
    const now = monotonicMs();
    if (this.kept === undefined || now >= this.kept.until) {
      const kept = { documentation: this.gather(), until: now + KEEP_MS };
      this.kept = kept;
      kept.documentation.catch(() => (kept.until = 0));
    }
    return this.kept.documentation;
  }

  private async gather(): Promise<Documentation> {
    const services = await this.network.askAll<OpenApi>('/internal/v1/openapi.json', LIMIT_MS);
    const document = mergeOpenApi([...services, ['gateway', this.own.get()]]);
    return { json: tagged(JSON.stringify(document)), html: tagged(referencePage(document)) };
  }
}
