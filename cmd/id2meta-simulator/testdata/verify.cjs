// Asks the simulator with the vendor's SDK, as its documentation shows, and prints the
// answers as JSON. Arguments: endpoint, access key ID, secret; the questions are JSON on
// stdin.
const { default: Client, Id2MetaVerifyRequest } = require('@alicloud/cloudauth20190307');
const { $OpenApiUtil } = require('@alicloud/openapi-core');

const [endpoint, accessKeyId, accessKeySecret] = process.argv.slice(2);
const client = new Client(new $OpenApiUtil.Config({ endpoint, accessKeyId, accessKeySecret }));

async function ask(question) {
  try {
    const { body } = await client.id2MetaVerify(new Id2MetaVerifyRequest(question));
    return { code: body.code, bizCode: body.resultObject?.bizCode };
  } catch (error) {
    return { code: error.code };
  }
}

(async () => {
  const answers = [];
  for (const question of JSON.parse(require('fs').readFileSync(0))) {
    answers.push(await ask(question));
  }
  console.log(JSON.stringify(answers));
})();
