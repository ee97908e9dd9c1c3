/** One page of a list. */
export interface Page<Item> {
  readonly data: readonly Item[];
  readonly page: { readonly after: string | null; readonly more: boolean };
}

/** Start of a page. */
export interface PageQuery {
  readonly after?: string;
}

/** All items of a list, page by page; the next page is fetched when the previous one is used up. */
export async function* allPages<Item>(
  call: (query: PageQuery) => Promise<Page<Item>>,
): AsyncGenerator<Item, void, undefined> {
  let query: PageQuery = {};
  for (;;) {
    const { data, page } = await call(query);
    yield* data;
    if (!page.more || page.after === null) return;
    query = { after: page.after };
  }
}
