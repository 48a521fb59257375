# Turns fresh namespaces into a machine. What is mounted and set here is seen by nobody else and goes with the namespaces.
#
# $1 directory of the node, which becomes /var   $2 directory of the programs, which becomes /var/bin
# $3 name   $4 address   $5 gateway; then, for each other node, the network of its pods and its address

mount --make-rprivate /
mount --make-rshared / # volumes may be passed on into containers
mount -t proc proc /proc
mount --bind "$2" "$1/bin"
mount --rbind "$1" /var
mount -t tmpfs tmpfs /run

# Kubelet sets these for the whole machine, which is not ours: let it find them set.
pretend() {
	echo "$2" >"/run/pretend-$2-${1##*/}"
	mount --bind "/run/pretend-$2-${1##*/}" "/proc/sys/$1"
}
pretend vm/overcommit_memory 1
pretend vm/panic_on_oom 0
pretend kernel/panic 10
pretend kernel/panic_on_oops 1
pretend kernel/keys/root_maxkeys 1000000
pretend kernel/keys/root_maxbytes 25000000

hostname "$3"
ip link set lo up
ip address add "$4/24" dev eth0
ip link set eth0 up
ip route add default via "$5"
shift 5
while [ $# -gt 0 ]; do
	ip route add "$1" via "$2"
	shift 2
done
echo 1 >/proc/sys/net/ipv4/ip_forward
