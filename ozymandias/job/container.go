package job

// Container is one container of each of a job's instances. Its words are docker-compose's.
type Container struct {
	// Image to run, as podman names it: "postgres:13", "registry.example/app@sha256:...". An image loaded into the cluster
	// (`ozymandias image load`) is found before any registry is asked.
	Image string `json:"image" doc:"Image to run." minLength:"1"`
	// Restart says what happens when the container ends. Default always.
	Restart Restart `json:"restart,omitzero" doc:"always, on-failure, on-failure:N or never; default always."`
	// Entrypoint replaces the image's. Text is split as a shell would, without expanding anything.
	Entrypoint Words `json:"entrypoint,omitempty" doc:"Replaces the image's entrypoint."`
	// Command replaces the image's: the arguments of the entrypoint. Written like Entrypoint.
	Command Words `json:"command,omitempty" doc:"Replaces the image's command."`
	// Environment variables by name. A map, or a list of "NAME=value", in a file; nothing is taken from the environment of
	// whoever reads the file, because that may be any node.
	Environment Environment `json:"environment,omitempty" doc:"Environment variables."`
	// Secrets to be put in environment variables or files.
	Secrets []Secret `json:"secrets,omitempty" doc:"Secrets as environment variables or files."`
	// Ports of the node that lead to the container, as in "80:3000" or "127.0.0.1:53:53/udp". None are needed to reach it from
	// other pods, nor for an ingress. Two instances with the same one cannot be on one node.
	Ports []Port `json:"ports,omitempty" doc:"Ports of the node that lead to the container."`
	// DependsOn names containers of the job that are started before this one. A list, or a map with conditions, in a file.
	DependsOn Dependencies `json:"depends_on,omitempty" doc:"Containers that are started before this one."`
	// Memory the container may use, and what placement counts: a container that uses more is killed. Default [DefaultMemory],
	// at least 4Mi.
	Memory Size `json:"memory,omitempty" doc:"Memory limit, and what placement counts; default 512M."`
	// CPUs is a share of the node's processors: what placement counts and what the container gets when all want some. It may use
	// more when there is more. Default 0: whatever is left, counted as nothing.
	CPUs CPUs `json:"cpus,omitempty" doc:"Processors counted and assured, such as 0.5."`
	// Healthcheck tells whether the container is well. Without one it is well while it runs.
	Healthcheck *Healthcheck `json:"healthcheck,omitempty" doc:"Tells whether the container is well."`
	// Volumes that outlive the container.
	Volumes []Volume `json:"volumes,omitempty" doc:"Directories that outlive the container."`
	// StopGracePeriod is the time between the stop signal and SIGKILL. Default 10s. A node that loses its lease has less: about
	// two seconds.
	StopGracePeriod Duration `json:"stop_grace_period,omitempty" doc:"Time between the stop signal and SIGKILL; default 10s."`
	// StopSignal asks the container to end. Default "": the image's, or SIGTERM.
	StopSignal string `json:"stop_signal,omitempty" doc:"Signal that asks the container to end."`
	// User is "user", "uid", or either with ":group". Default "": the image's.
	User string `json:"user,omitempty" doc:"User, or user:group, to run as."`
	// WorkingDir is absolute. Default "": the image's.
	WorkingDir string `json:"working_dir,omitempty" doc:"Working directory."`
	// ReadOnly leaves nothing writable but the volumes.
	ReadOnly bool `json:"read_only,omitempty" doc:"Nothing is writable but the volumes."`
	// Sidecar is the name among the job's Sidecars that the library made the container for, for people. Default "": none.
	Sidecar string `json:"sidecar,omitempty" doc:"The sidecar that the container was made for."`
}

// DefaultMemory is what a container that does not say may use, and is counted as.
const DefaultMemory Size = 512_000_000

// Volume is a directory that outlives the container, held to its size.
type Volume struct {
	// Type is [Shared] or [Local]. Default Local.
	Type VolumeType `json:"type,omitempty" doc:"shared or local; default local." enum:"shared,local"`
	// Name makes volumes of several containers, or of several paths, one: those of equal name. Default "": the container's own.
	Name string `json:"name,omitempty" doc:"Volumes of one name are one volume."`
	// Path where the container has it; absolute.
	Path string `json:"path" doc:"Where the container has it."`
	// Space it may take: it is held to it, and placement counts it. At least 1M; of several volumes of one name all say the same.
	Space Size `json:"space" doc:"Space it may take, and what placement counts."`
	// ReadOnly for this container.
	ReadOnly bool `json:"read_only,omitempty" doc:"This container cannot write to it."`
	// Sticky keeps the instance to the node that has this local volume: if that is lost, it waits for it and does not begin
	// with an empty one elsewhere. Of several of one name it is enough that one says so.
	Sticky bool `json:"sticky,omitempty" doc:"The instance runs only on the node that has this local volume: if that is lost, it waits for it."`
}

// VolumeType is who has a volume.
type VolumeType string

const (
	// Shared volumes are the job's: all its instances have the same one and see each other's writes. It takes its space once,
	// however many instances there are.
	Shared VolumeType = "shared"
	// Local volumes are an instance's: it finds its own again when it is restarted or updated on the same node. On another it begins
	// with an empty one, or with what it left there before; with a sticky one it does not go to another.
	Local VolumeType = "local"
)

// Secret is a value that stands in no job file: a named one of the cluster's, or one in Vault.
// In a file the name alone will do: `secrets: [db-password]`.
type Secret struct {
	// Name of a secret of the cluster. Excludes Vault.
	Name string `json:"name,omitempty" doc:"A secret of the cluster."`
	// Vault is where it is in Vault. Excludes Name.
	Vault *Vault `json:"vault,omitempty" doc:"A secret in Vault."`
	// Env is the environment variable that gets it. Excludes File.
	Env string `json:"env,omitempty" doc:"Environment variable that gets it."`
	// File that gets it, absolute, in memory and readable by the container's user only. Default /run/secrets/NAME if there is no
	// Env; one from Vault must say.
	File string `json:"file,omitempty" doc:"File that gets it; default /run/secrets/NAME."`
}

// Vault is where in Vault a secret is.
type Vault struct {
	// Path of the secret, as `vault read` takes it: "secret/data/webapp".
	Path string `json:"path" doc:"Path of the secret."`
	// Key of the value within the secret.
	Key string `json:"key" doc:"Key of the value within the secret."`
	// Role the node takes on to read it.
	Role string `json:"role" doc:"Role to read it by."`
}
