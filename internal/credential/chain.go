package credential

import "os"

// chainVariables are the environment variables that the default provider chain reads.
// The chain reads some variables only when it is made, and keeps the first provider
// that works. So the Resolver makes a new chain if a variable changes.
var chainVariables = [...]string{
	"ALIBABA_CLOUD_ACCESS_KEY_ID",
	"ALIBABA_CLOUD_ACCESS_KEY_SECRET",
	"ALIBABA_CLOUD_SECURITY_TOKEN",
	"ALIBABA_CLOUD_ROLE_ARN",
	"ALIBABA_CLOUD_ROLE_SESSION_NAME",
	"ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
	"ALIBABA_CLOUD_OIDC_TOKEN",
	"ALIBABA_CLOUD_OIDC_TOKEN_FILE",
	"ALIBABA_CLOUD_STS_REGION",
	"ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED",
	"ALIBABA_CLOUD_PROFILE",
	"ALIBABA_CLOUD_CONFIG_FILE",
	"ALIBABA_CLOUD_CREDENTIALS_FILE",
	"ALIBABA_CLOUD_CLI_PROFILE_DISABLED",
	"ALIBABA_CLOUD_ECS_METADATA",
	"ALIBABA_CLOUD_ECS_METADATA_DISABLED",
	"ALIBABA_CLOUD_IMDSV1_DISABLED",
	"ALIBABA_CLOUD_CREDENTIALS_URI",
	"HOME", "USERPROFILE", // the folder of the profile files
}

type chainEnvironment [len(chainVariables)]string

func readChainEnvironment() (env chainEnvironment) {
	for i, name := range chainVariables {
		env[i] = os.Getenv(name)
	}
	return env
}
