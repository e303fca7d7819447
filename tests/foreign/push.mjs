// The official JavaScript client against the fake's HTTP server: the fake holds everything that it pushes.
//
//     npm install --no-package-lock && node push.mjs
//
// It starts `cargo run --example fake_server`, and ends with an error when something is not as it should be.

import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {createInterface} from 'node:readline';
import {gzipSync} from 'node:zlib';

import client from '@coveo/push-api-client';

const {CatalogSource, DocumentBuilder, GroupSecurityIdentityBuilder, PermissionSetBuilder, PushSource, UserSecurityIdentityBuilder} =
  client;

const SOURCE = 'my-source';
const CATALOG = 'my-catalog';
const PROVIDER = 'My Provider';
const KEY = 'xx-foreign-key';

/** Starts the fake, and gives its base URL and a function that ends it and tells what it holds. */
async function startFake() {
  const flags = ['--secured-source', SOURCE, '--catalog-source', CATALOG, '--provider', PROVIDER, '--api-key', KEY, '--until-eof'];
  const fake = spawn('cargo', ['run', '--quiet', '--example', 'fake_server', '--', ...flags], {
    cwd: new URL('../..', import.meta.url),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({input: fake.stdout})[Symbol.asyncIterator]();
  const first = await lines.next();
  assert(!first.done, 'the fake did not start');
  const end = async () => {
    fake.stdin.end();
    const rest = [];
    for await (const line of lines) {
      rest.push(line);
    }
    return JSON.parse(rest.join('\n'));
  };
  return {baseUrl: first.value, end};
}

/** The client has no option for another host, so what it fetches from the service's is fetched here. */
function pointFetchAt(baseUrl) {
  const elsewhere = globalThis.fetch;
  const service = /^https:\/\/(api|platform)\.cloud\.coveo\.com(\/rest)?\/push\/v1/;
  globalThis.fetch = (url, init) => {
    const target = String(url).replace(service, baseUrl);
    assert(target.startsWith(new URL(baseUrl).origin), `${target} is not the fake's`);
    return elsewhere(target, init);
  };
}

async function push() {
  const source = new PushSource(KEY, 'my-org');
  const options = {createFields: false};
  await source.identity.createSecurityIdentity(PROVIDER, {
    identity: {name: 'Staff', type: 'GROUP', additionalInfo: {}},
    members: [{name: 'asmith@example.com', type: 'USER', additionalInfo: {}}],
    wellKnowns: [],
  });
  await source.identity.createOrUpdateSecurityIdentityAlias(PROVIDER, {
    identity: {name: 'asmith', type: 'USER', additionalInfo: {}},
    mappings: [{name: 'asmith@example.com', type: 'USER', provider: 'Email Security Provider', additionalInfo: {}}],
    wellKnowns: [],
  });
  await source.identity.deleteSecurityIdentity(PROVIDER, {
    identity: {name: 'bjones', type: 'USER', additionalInfo: {}},
  });

  await source.setSourceStatus(SOURCE, 'REBUILD');
  await source.addOrUpdateDocument(SOURCE, publicDocument('https://example.com/single?a=b&c=d', 'Alone'), options);
  const batch = {
    addOrUpdate: [
      publicDocument('https://example.com/a', 'First').withMetadataValue('pages', 12),
      publicDocument('https://example.com/b', 'To be deleted'),
      new DocumentBuilder('https://example.com/c', 'Compressed')
        .withCompressedBinaryData(gzipSync('words').toString('base64'), 'GZIP')
        .withPermissionSet(
          new PermissionSetBuilder(false)
            .withAllowedPermissions(new GroupSecurityIdentityBuilder('Staff', PROVIDER))
            .withDeniedPermissions(new UserSecurityIdentityBuilder('bjones@example.com'))
        ),
      new DocumentBuilder('https://example.com/forgotten', 'Says not who may see it'),
    ],
    delete: [{documentId: 'https://example.com/single', deleteChildren: true}],
  };
  await source.batchUpdateDocuments(SOURCE, batch, options);
  await source.deleteDocument(SOURCE, 'https://example.com/b');
  await source.setSourceStatus(SOURCE, 'IDLE');
  await assert.rejects(source.deleteDocument('no-such-source', 'https://example.com/a'));
}

/** An update, and then a load of which one item is new and one is gone. */
async function pushCatalog() {
  const source = new CatalogSource(KEY, 'my-org');
  const options = {createFields: false};
  const product = (number) =>
    new DocumentBuilder(`product://${number}`, `Product ${number}`).withMetadataValue('objecttype', 'Product');
  await source.batchUpdateDocuments(CATALOG, {addOrUpdate: [1, 2, 3].map(product), delete: []}, options);
  await source.batchUpdateDocuments(CATALOG, {addOrUpdate: [], delete: [{documentId: 'product://3'}]}, options);
  await source.batchStreamDocuments(CATALOG, {addOrUpdate: [product(2), product(4)], delete: []}, options);
}

function publicDocument(uri, title) {
  return new DocumentBuilder(uri, title).withData('words').withPermissionSet(new PermissionSetBuilder(true));
}

function check({sources, providers, requests}) {
  const {status, items, dropped} = sources[SOURCE];
  assert.equal(status, 'IDLE');
  assert.deepEqual(items.map((item) => item.documentId), ['https://example.com/a', 'https://example.com/c']);
  assert.deepEqual(dropped.map((item) => item.documentId), ['https://example.com/forgotten']);
  const [first, compressed] = items;
  assert.equal(first.item.title, 'First');
  assert.equal(first.item.data, 'words');
  assert.equal(first.item.pages, 12);
  assert.equal(first.item.permanentid.length, 60);
  assert.equal(compressed.compressionType, 'GZIP');
  assert.equal(compressed.item.permissions[0].allowedPermissions[0].identity, 'Staff');

  const identities = Object.fromEntries(providers[PROVIDER].identities.map((it) => [it.identity.name, it]));
  assert.equal(identities.Staff.members[0].name, 'asmith@example.com');
  assert.equal(identities.asmith.aliases[0].provider, 'Email Security Provider');
  assert(identities.bjones.isDisabled);
  assert.deepEqual(providers[PROVIDER].dropped, []);

  const catalog = sources[CATALOG].items;
  assert.deepEqual(catalog.map((item) => item.documentId), ['product://2', 'product://4']);
  assert(catalog.every((item) => item.item.objecttype === 'Product'));

  const statuses = requests.map((request) => request.status);
  const ofCatalog = [201, 200, 202, 201, 200, 202, 201, 200, 200, 200];
  assert.deepEqual(statuses, [202, 202, 202, 201, 202, 201, 200, 202, 202, 201, 412, ...ofCatalog]);
}

const {baseUrl, end} = await startFake();
pointFetchAt(baseUrl);
let held;
try {
  await push();
  await pushCatalog();
} finally {
  held = await end();
}
check(held);
console.log(`the fake holds what the JavaScript client pushed with ${held.requests.length} requests`);
