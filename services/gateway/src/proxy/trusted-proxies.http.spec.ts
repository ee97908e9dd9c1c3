import type { IncomingMessage } from 'node:http';
import { TrustedProxiesHttp, countedAs, isNetwork } from './trusted-proxies.http.js';

const from = (remoteAddress: string, forwarded?: string): IncomingMessage =>
  ({
    socket: { remoteAddress },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  }) as unknown as IncomingMessage;

const proxies = new TrustedProxiesHttp(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32']);

it.each([
  ['a stranger is believed nothing', '203.0.113.9', '1.1.1.1', '203.0.113.9'],
  ['a proxy says who called', '10.1.2.3', '198.51.100.4', '198.51.100.4'],
  ['what the caller itself claims comes before', '10.1.2.3', '1.1.1.1, 198.51.100.4', '198.51.100.4'],
  ['one proxy behind another', '10.1.2.3', '1.1.1.1, 198.51.100.4, 192.0.2.7', '198.51.100.4'],
  ['a caller among the proxies', '10.1.2.3', '10.9.9.9', '10.9.9.9'],
  ['a proxy that says nothing', '10.1.2.3', undefined, '10.1.2.3'],
  ['what is no address', '10.1.2.3', 'unknown', '10.1.2.3'],
  ['IPv4 over an IPv6 socket', '::ffff:10.1.2.3', '198.51.100.4', '198.51.100.4'],
  ['IPv6', '2001:db8::1', '2a00::5', '2a00::5'],
])('%s', (_name, remote, forwarded, expected) => {
  expect(proxies.addressOf(from(remote, forwarded))).toBe(expected);
});

it('trusts no proxy unless configured', () => {
  expect(new TrustedProxiesHttp([]).addressOf(from('127.0.0.1', '1.1.1.1'))).toBe('127.0.0.1');
  expect(new TrustedProxiesHttp([]).brought(from('127.0.0.1', '1.1.1.1'))).toBe(false);
  expect(proxies.brought(from('10.1.2.3'))).toBe(true);
  expect(proxies.brought(from('203.0.113.9'))).toBe(false);
});

it.each(['10.0.0.0/8', '192.0.2.7', '::1', '2001:db8::/32'])('%s is a network', (text) => {
  expect(isNetwork(text)).toBe(true);
});
it.each(['', 'proxy', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '2001:db8::/129'])('%j is not a network', (text) => {
  expect(isNetwork(text)).toBe(false);
});

it.each([
  ['198.51.100.4', '198.51.100.4'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0DB8:1:2::6', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
])('%s is counted as %s', (address, expected) => expect(countedAs(address)).toBe(expected));
