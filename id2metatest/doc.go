// Package id2metatest simulates Alibaba Cloud's Id2MetaVerify, in the manner of
// [net/http/httptest]: a real HTTPS server on 127.0.0.1, for tests and
// demonstrations that must cost nothing and need no account.
//
// [NewServer] starts one, [Server.AddPerson] tells it who exists, and
// [Server.Options] makes a [id2meta.Client] that talks to it. [Server.Inject]
// makes it fail in the ways the real service and the network fail;
// [Server.Calls] tells what arrived and what was billed.
//
// # What it checks
//
// A request goes through the checks of the vendor's gateway, with code that
// shares nothing with the vendor's SDKs: HTTP method, action and version, access
// key, security token, date (15 minutes), signature, reused nonce. It then gets
// the answer of the API: Code 400 for a missing parameter, Code 401 for an
// illegal one, which it names, or Code 200 with the verdict on the people that
// the Server knows.
//
// A wrong signature gets SignatureDoesNotMatch with the string that the Server
// signed, in the wording of published answers. If the client signed the same
// string, its secret is wrong; if not, it signs something else than it sends.
//
// # Which clients it serves
//
// The signature ACS3-HMAC-SHA256 of the vendor's page "V3 版本请求体&签名机制" and
// the older one of the RPC style, HMAC-SHA1 in the parameters; GET and POST;
// parameters in the query or in a form body. Answers are JSON, whatever Format
// was asked for.
//
// It asks for nothing that the vendor's SDKs do not send, whatever their
// language: give them [Server.Endpoint], [Server.CertificatePEM], [AccessKeyID]
// and [AccessKeySecret]. Every Server has the same certificate, so one file named
// by SSL_CERT_FILE or NODE_EXTRA_CA_CERTS does for all. The vendor's two SDKs for
// Go are part of the tests; of those for Node, @alicloud/cloudauth20190307 3.5.0
// (ACS3, form body) and @alicloud/pop-core 1.8.0 (HMAC-SHA1, GET and POST) are
// known to work, with permanent and with temporary access keys. For services in
// those languages the program cmd/id2meta-simulator serves the same on a fixed port.
//
// # Faults
//
// A [Fault] stands between the client and the checks above, where the network
// and the gateway's front are. It either takes the place of the answer
// ([Answer], [Status], [Throttle], [Raw]), and then nothing was checked and
// nobody was billed; or it disturbs how the answer travels ([Delay], [Hang],
// [Drop], [Truncate]), and then the request was checked, answered and billed
// like any other, which is just what a client cannot know.
//
// # Personal data
//
// A Server writes no log, and no [Call] or panic of it holds a name, a number or a
// secret. What it answers to a wrong signature does: the string that was signed
// has all that was in the query, and with HMAC-SHA1 in the body too, and the
// security token. It is the vendor's way; use people who do not exist.
package id2metatest
