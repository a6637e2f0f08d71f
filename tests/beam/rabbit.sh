# rabbit.sh - RabbitMQ from Debian's package, unpacked and not installed, with an epmd of its own, and load on it. What
# tests with a broker source after node.sh. Not a test itself.
#
#   broker             starts it; $broker is the pid of its emulator, $broker_name its node
#   load QUEUES        starts publisher.erl on it and waits until messages flow; `tell WORD` gives it a command
#   tell WORD ANSWER   a command of publisher.erl, and waits for what it says to it
broker_name=impasse_rabbit_$$@localhost

# A port nobody listens on now, from a range that the kernel gives to nobody.
free_port() {
  port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 10000))
  while grep -qi ":$(printf %04X $port) 0*:0000 0A" /proc/net/tcp /proc/net/tcp6 2>/dev/null; do
    port=$((port + 1))
  done
  echo $port
}

broker() {
  command -v erl >/dev/null || skip "erlang is not installed"
  unpacked=$(./otp.sh unpack rabbitmq-server 2>"$work/otp.err") || skip "$(cat "$work/otp.err")"
  plugins=$(echo "$unpacked"/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins)
  export ERL_EPMD_PORT="$(free_port)"
  amqp_port=$(free_port)
  spawn env ERL_CRASH_DUMP=/dev/null RABBITMQ_HOME="${plugins%/plugins}" RABBITMQ_NODENAME="$broker_name" \
    RABBITMQ_MNESIA_BASE="$work/mnesia" RABBITMQ_LOG_BASE="$work/log" RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_CONFIG_FILE="$work/rabbitmq" RABBITMQ_ENABLED_PLUGINS_FILE="$work/plugins" \
    RABBITMQ_PID_FILE="$work/broker.pid" RABBITMQ_NODE_PORT="$amqp_port" RABBITMQ_DIST_PORT="$(free_port)" \
    "${plugins%/plugins}/sbin/rabbitmq-server"
  launcher=$spawned launcher_out=$spawned_out
  poll 120 broker_ready
  broker=$(cat "$work/broker.pid")
  pids="$pids $broker"
}

broker_ready() {
  alive "$launcher" || fail "the broker ended before it was ready"
  grep -q 'Starting broker... completed' "$launcher_out"
}

load() {
  ERL_LIBS=$plugins erlc -o "$work" programs/publisher.erl
  mkfifo "$work/commands"
  spawn sh -c 'exec "$@" <"$0"' "$work/commands" env ERL_LIBS="$plugins" erl -noshell -sname publisher@localhost \
    -pa "$work" -run publisher main "$amqp_port" "$1" "$broker_name"
  publisher=$spawned publisher_out=$spawned_out
  exec 9>"$work/commands"
  poll 60 publisher_said ready
}

publisher_said() {
  alive "$publisher" || fail "the publisher ended"
  grep -qx "$1" "$publisher_out"
}

tell() {
  echo "$1" >&9
  poll 60 publisher_said "$2"
}
