import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import { issuerKeys } from './issuer-keys.js';

const servers: Server[] = [];

async function instance(status: number, body: object): Promise<string> {
  const server = createServer((request, response) => {
    const isThere = request.url === '/keys/jwks.json';
    response
      .writeHead(isThere ? status : 404, { 'content-type': 'application/json' })
      .end(isThere ? JSON.stringify(body) : '{}');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  servers.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

it('gets the keys from an instance that answers, and fails if none does', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const there = await instance(200, { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] });
  const starting = await instance(503, {});
  const nobody = 'http://127.0.0.1:9';
  const token = await new SignJWT({ a: 1 }).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(privateKey);
  const verified = (first: string, ...others: string[]): Promise<unknown> =>
    jwtVerify(token, issuerKeys(`${first}/keys/jwks.json`, [first, ...others])).then(({ payload }) => payload);

  expect(await verified(there)).toEqual({ a: 1 });
  expect(await verified(nobody, starting, there)).toEqual({ a: 1 });
  await expect(verified(nobody, starting)).rejects.toThrow();
});
