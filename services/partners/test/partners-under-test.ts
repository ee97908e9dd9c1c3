import { serviceUnderTest } from '#libs/testing';
import type { ServiceUnderTest } from '#libs/testing';
import { partners } from '../src/index.js';

/** Pushes from partners to another service. */
export interface Told {
  path: string;
  body: Record<string, unknown>;
}

export interface PartnersUnderTest extends ServiceUnderTest {
  told: Told[];
}

/** Partners beside stand-ins that receive its pushes. */
export async function partnersUnderTest(over: Record<string, string> = {}): Promise<PartnersUnderTest> {
  const told: Told[] = [];
  const take = (path: string, body: string): void => {
    told.push({ path, body: JSON.parse(body) as Record<string, unknown> });
  };
  const under = await serviceUnderTest(partners, {
    answer: ({ of, method, path, body }) => {
      if (method === 'PUT') take(`/${of}${path}`, body);
      return null;
    },
    putToIdentity: (path, body) => take(`/identity${path}`, body),
    env: { PARTNERS_URL: 'http://127.0.0.1:1', TEST_CLOCK: 'true', ...over },
  });
  under.env['PARTNERS_URL'] = under.service.url;
  return Object.assign(under, { told });
}
