import { BlockList, isIP, isIPv4 } from 'node:net';
import type { IncomingMessage } from 'node:http';

/** Parses an address, or a network as `address/bits`; returns null if the text is neither. */
function networkOf(text: string): { address: string; bits: number; family: 'ipv4' | 'ipv6' } | null {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return null;
  const most = version === 4 ? 32 : 128;
  if (bits !== undefined && !/^\d{1,3}$/.test(bits)) return null;
  const wide = bits === undefined ? most : Number(bits);
  return wide > most ? null : { address, bits: wide, family: version === 4 ? 'ipv4' : 'ipv6' };
}

export function isNetwork(text: string): boolean {
  return networkOf(text) !== null;
}

/** The form of an IPv4 address that came over an IPv6 socket. */
function plain(address: string): string {
  const mapped = address.startsWith('::ffff:') ? address.slice(7) : address;
  return isIPv4(mapped) ? mapped : address;
}

/** The trusted proxies in front of the gateway, by address. Only their statements about a caller's address count. */
export class TrustedProxiesHttp {
  private readonly networks: BlockList | null;

  /** @throws Error if one of the texts is not a network */
  constructor(networks: readonly string[]) {
    this.networks = networks.length === 0 ? null : new BlockList();
    for (const text of networks) {
      const network = networkOf(text);
      if (network === null) throw new Error(`${text} is no address and no network`);
      this.networks?.addSubnet(network.address, network.bits, network.family);
    }
  }

  /** Whether a call came through one of them. */
  brought(request: IncomingMessage): boolean {
    return this.networks !== null && this.holds(plain(request.socket.remoteAddress ?? ''));
  }

  /** The origin address of a call: the last address on its path that is not a trusted proxy. */
  addressOf(request: IncomingMessage): string {
    let address = plain(request.socket.remoteAddress ?? '');
    if (this.networks === null) return address;
    const said = request.headers['x-forwarded-for'];
    const way = typeof said === 'string' ? said.split(',') : [];
    // each proxy appends the address it received the call from, so only entries written by a trusted one are read
    for (let i = way.length - 1; i >= 0 && this.holds(address); i -= 1) {
      const before = plain((way[i] ?? '').trim());
      if (isIP(before) === 0) break;
      address = before;
    }
    return address;
  }

  private holds(address: string): boolean {
    const version = isIP(address);
    return version !== 0 && this.networks?.check(address, version === 4 ? 'ipv4' : 'ipv6') === true;
  }
}

/** The key under which an address is counted: the /64 prefix for IPv6, because one party controls its whole /64. */
export function countedAs(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':');
}
