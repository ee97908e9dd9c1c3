import { createClient, withClient } from '#libs/postgres';
import { readCatalogue } from './catalogue.js';
import { keepSource, readComments } from './comments.js';
import { schemaFiles } from './files.js';

/**
 * Files of the schema that `make` creates in an empty database of a service, by their names in the folder `schema`.
 * @param adminUrl superuser URL of the database
 */
export async function schemaOf(
  adminUrl: string,
  service: string,
  make: () => Promise<unknown>,
): Promise<Map<string, string>> {
  return withClient(createClient(adminUrl, 'schema'), async (client) => {
    await keepSource(client);
    await make();
    const comments = await readComments(client);
    return schemaFiles(service, await readCatalogue(client), comments);
  });
}
