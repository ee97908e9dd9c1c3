import type { OpenApi } from './openapi.js';

/** The document of the gateway's own routes; available only after its application is built. */
export class OwnDocument {
  private make: (() => OpenApi) | undefined;

  from(make: () => OpenApi): void {
    this.make = make;
  }

  get(): OpenApi {
    if (this.make === undefined) throw new Error('the application is not built yet');
    return this.make();
  }
}
