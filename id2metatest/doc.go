// Package id2metatest simulates Alibaba Cloud's Id2MetaVerify, in the manner of
// [net/http/httptest]. A [Server] is a real HTTPS server on 127.0.0.1, for tests
// and demonstrations. It costs nothing and needs no account.
//
// Most tests need four steps:
//
//   - [NewServer] starts a Server.
//   - [Server.AddPerson] adds a person whom the Server knows.
//   - [Server.Options] returns the options for an [id2meta.Client] that uses the Server.
//   - [Server.Calls] returns the requests that arrived, and whether they were billed.
//
// [Server.Inject] makes the Server fail like the real service or the network.
//
// # What the Server checks
//
// A request goes through the checks of the vendor's gateway: HTTP method, action
// and version, access key, security token, date (15 minutes), signature, reused
// nonce. The code of these checks shares nothing with the vendor's SDKs.
//
// The request then gets the answer of the API:
//
//   - Code 400: a parameter is missing.
//   - Code 401: a parameter is illegal. The message names the parameter.
//   - Code 200: the verdict, from the people whom the Server knows.
//
// The answer to a wrong signature is SignatureDoesNotMatch, with the string that
// the Server signed, in the wording of published answers. If the client signed the
// same string, its secret is wrong. If the client signed another string, the client
// sends a request that differs from the signed request.
//
// Every answer has the header x-acs-request-id, like the answers of the gateway.
//
// # Supported clients
//
// The Server supports two signatures: ACS3-HMAC-SHA256 of the vendor's page "V3
// 版本请求体&签名机制", and the older HMAC-SHA1 of the RPC style. It does not support
// ACS3-HMAC-SM3. It takes GET and POST, and parameters in the query or in a form
// body. Answers are always JSON, even if the client asks for another Format.
//
// The ParamType "sm2" needs [WithSM2Decrypter]. It is experimental: its format has not
// been tried against the live service.
//
// The vendor's SDKs work with the Server. Give the SDK [Server.Endpoint],
// [Server.CertificatePEM], [AccessKeyID] and [AccessKeySecret]. The tests of this
// package use the vendor's two SDKs for Go. For Node, @alicloud/cloudauth20190307 3.5.0
// (ACS3, form body) and @alicloud/pop-core 1.8.0 (HMAC-SHA1, GET and POST) are known to
// work, with permanent and with temporary access keys. The program
// cmd/id2meta-simulator serves the same simulator on a fixed port, for programs in other
// languages. Its README says how to make each SDK trust the certificate.
//
// # The certificate
//
// Each process makes its own certificate, with a key that stays in memory. All Servers
// of the process use this certificate. It is valid for localhost, 127.0.0.1 and ::1, and
// it is not a certificate authority. A client that trusts the certificate trusts the
// Servers of this process and nothing else.
//
// [Server.Client] trusts the certificate. For a client in another process, write
// [Server.CertificatePEM] to a file, and name the file in the environment variable that
// the client reads, such as SSL_CERT_FILE (Go, Python) or NODE_EXTRA_CA_CERTS. Write the
// file again in each run of your tests. Never trust the certificate outside a test.
//
// # Faults
//
// A [Fault] simulates a failure of the network or of the gateway for one request. There
// are two kinds:
//
//   - [Answer], [Status], [Throttle] and [Raw] replace the answer. The Server does not
//     check the request, and does not bill it.
//   - [Delay], [Hang], [Drop] and [Truncate] delay the answer, or lose all or half of
//     it. The Server checks, answers and bills the request like any other. The client
//     cannot know whether the request was billed.
//
// # Limits
//
// The body of a request may have 1 MiB. If it has more, the Server closes the connection.
// The Server keeps a [Call] for every request, and the last 262,144 nonces.
//
// # Personal data
//
// A Server writes no log. No [Call] and no panic holds a name, a number or a secret.
//
// But the answer to a wrong signature may hold them, like the answer of the vendor's
// gateway: it repeats the string that was signed, with the parameters in the query, with
// the security token, and, for HMAC-SHA1, with the parameters in the body. So use only
// people who do not exist.
package id2metatest
