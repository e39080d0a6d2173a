#!/bin/sh
# Installs stuckd, as built in this tree, as two services of systemd; or takes them away again.
#
#   install.sh                    install or upgrade, enable and start; run "npm run build" before
#   install.sh --uninstall        stop and remove; state in /var/lib/stuckd and configuration in /etc/stuckd stay
#   install.sh --uninstall --purge   those and the two users as well
#
#   --no-start     install only
#   --node PATH    the Node.js to run with (default: the one in PATH)
#   --root DIR     write below DIR and touch nothing else, for packages; DESTDIR does the same
set -eu
# What is installed is for everybody to read and run, whatever root usually does.
umask 022

tree=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/../.." && pwd)
root=
node=
action=install
start=yes
purge=no

library=/usr/lib/stuckd
documentation=/usr/share/doc/stuckd
configuration=/etc/stuckd/stuckd.yaml
units='stuckd-sensor.service stuckd.service'
pages='stuckctl.1 stuckd.8 stuckd.yaml.5'
node_major_min=20
systemd_min=247 # the oldest that knows all directives of the units
node_advice='install Node.js for the whole machine, for example from https://deb.nodesource.com (Debian 12 itself has 18)'

say() { printf '%s\n' "install.sh: $*" >&2; }
fail() { say "$@"; exit 1; }

# What makes a change to this machine; with --root nothing does.
live() { [ -z "$root" ]; }

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"; }

# Whoever names a directory does not mean the live machine, also not with a variable that happens to be empty.
set_root() {
  [ -n "$1" ] || fail 'the directory to write below has an empty name'
  root=$(readlink -m -- "$1")
  [ "$root" != / ] || fail "\"$1\" is this machine itself: leave --root and DESTDIR away to install here"
}

parse() {
  [ -z "${DESTDIR:-}" ] || set_root "$DESTDIR"
  while [ $# -gt 0 ]; do
    case $1 in
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --no-start) start=no ;;
    --node | --root)
      [ $# -ge 2 ] || fail "$1 needs a value"
      if [ "$1" = --node ]; then node=$2; else set_root "$2"; fi
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "unknown argument \"$1\"; see --help" ;;
    esac
    shift
  done
  [ "$purge" = no ] || [ "$action" = uninstall ] || fail '--purge goes with --uninstall only'
}

check_system() {
  live || return 0
  [ "$(id -u)" = 0 ] || fail 'this needs root'
  [ -d /run/systemd/system ] || fail 'systemd does not run this machine (see sd_booted(3)); "npm start" needs none'
}

check_versions() {
  live || return 0
  version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
  [ "${version:-0}" -ge "$systemd_min" ] || fail "systemd is older than $systemd_min (${version:-unknown})"
}

# The services have no access to home directories (ProtectHome=), and a person's Node may vanish with the next version. Below
# --root it is the Node of another machine, which cannot be tried here.
check_node() {
  if [ -z "$node" ]; then
    node=$(command -v node) || fail "there is no \"node\" in PATH: $node_advice, or name one with --node PATH"
  fi
  case $node in
  *[!A-Za-z0-9._/+-]*) fail "the path of Node.js may hold letters, digits and ._+- only: $node" ;;
  /*) ;;
  *) fail "--node must be an absolute path, not $node" ;;
  esac
  for place in "$node" "$(readlink -f -- "$node")"; do
    case $place in
    /root/* | /home/* | /run/user/* | /tmp/* | /var/tmp/*)
      fail "$place is out of reach of the services (ProtectHome=, PrivateTmp=): $node_advice, or name another one with --node PATH"
      ;;
    esac
  done
  live || return 0
  major=$("$node" --print 'process.versions.node.split(".")[0]') || fail "$node does not work"
  [ "$major" -ge "$node_major_min" ] || fail "$node is Node.js $major; stuckd needs $node_major_min or newer: $node_advice"
}

check_build() {
  [ "$tree" != $library ] || fail 'this is the installed copy, which can only --uninstall; use the one of a tree'
  for file in build/bin/stuckd.js build/bin/stuckctl.js bpf/.output/stuckd-sensor bpf/.output/stuckd-notify-exec build/man; do
    [ -e "$tree/$file" ] || fail "$file is missing: run \"npm run build\" in $tree first"
  done
}

# Says what is missing, feature by feature, before anything is installed.
check_kernel() {
  live || return 0
  "$node" "$tree/build/bin/stuckd.js" check --config /dev/null || fail 'stuckd cannot work here (see above)'
}

# Of the file as it is, by the programs that are to come: after a mistake in it the old ones run on.
check_configuration() {
  live || return 0
  [ -e "$configuration" ] || return 0
  "$node" "$tree/build/bin/stuckd.js" config check "$configuration" ||
    fail "nothing was installed: mend $configuration (see above) and run this again"
}

runs() { live && [ "$(systemctl show --property=MainPID --value stuckd.service)" != 0 ]; }

# It would go on, without its socket and its directory. The flags and the type are those of a listener, see __SO_ACCEPTCON in
# Linux; the listener of the service itself is no obstacle.
check_foreground() {
  live || return 0
  if grep -q ' 00010000 0001 01 *[0-9]* /run/stuckd/stuckd.sock$' /proc/net/unix && ! runs; then
    fail 'a stuckd runs in the foreground ("npm start", "stuckd run"): end it first, it has what the service needs'
  fi
}

# directory PATH: also one that an earlier attempt has made, with whatever mode.
directory() { command install -d -m 0755 "$root$1"; }

# put MODE SOURCE DESTINATION: a new file takes the place of the old one, which may be running.
put() {
  mkdir -p "$root$(dirname "$3")"
  cp "$2" "$root$3.new"
  chmod "$1" "$root$3.new"
  mv -f "$root$3.new" "$root$3"
}

# wrapper NAME: /usr/bin/NAME runs the bundle with this Node, whatever PATH says.
wrapper() {
  mkdir -p "$root/usr/bin"
  cat >"$root/usr/bin/$1.new" <<END
#!/bin/sh
exec $node $library/build/bin/$1.js "\$@"
END
  chmod 0755 "$root/usr/bin/$1.new"
  mv -f "$root/usr/bin/$1.new" "$root/usr/bin/$1"
}

# All that runs, in the places that it has in the tree: programs find each other from package.json on.
put_programs() {
  for place in $library $library/bpf $library/bpf/.output; do
    directory "$place"
  done
  put 0644 "$tree/package.json" $library/package.json
  put 0755 "$tree/bpf/.output/stuckd-sensor" $library/bpf/.output/stuckd-sensor
  put 0755 "$tree/bpf/.output/stuckd-notify-exec" $library/bpf/.output/stuckd-notify-exec
  # For --uninstall, when the tree is gone. A package is removed by who has installed it.
  if live; then
    directory $library/deploy
    directory $library/deploy/systemd
    put 0755 "$tree/deploy/systemd/install.sh" $library/deploy/systemd/install.sh
  fi
  # As one, since the names of the parts change with every build. A daemon that runs loads some of its own late.
  rm -rf "$root$library/build.new"
  mkdir -p "$root$library/build.new/bin/parts"
  if runs && [ -d $library/build/bin/parts ]; then
    cp -R $library/build/bin/parts/. $library/build.new/bin/parts/
  fi
  cp -R "$tree/build/bin/." "$root$library/build.new/bin/"
  chmod -R u=rwX,go=rX "$root$library/build.new"
  rm -rf "$root$library/build"
  mv "$root$library/build.new" "$root$library/build"
  wrapper stuckd
  wrapper stuckctl
}

put_manual() {
  for page in $pages; do
    put 0644 "$tree/build/man/$page" "/usr/share/man/man${page##*.}/$page"
  done
  for program in stuckd stuckctl; do
    put 0644 "$tree/build/man/$program.bash" /usr/share/bash-completion/completions/$program
    put 0644 "$tree/build/man/$program.zsh" /usr/share/zsh/vendor-completions/_$program
    put 0644 "$tree/build/man/$program.fish" /usr/share/fish/vendor_completions.d/$program.fish
  done
}

# Once nothing runs that would load them.
remove_old_parts() {
  for part in "$library"/build/bin/parts/*; do
    [ -e "$tree/build/bin/parts/${part##*/}" ] || rm -f "$part"
  done
}

put_settings() {
  directory $documentation
  for unit in $units; do
    put 0644 "$tree/deploy/systemd/$unit" "/usr/lib/systemd/system/$unit"
  done
  put 0644 "$tree/deploy/systemd/sysusers.conf" /usr/lib/sysusers.d/stuckd.conf
  put 0644 "$tree/deploy/systemd/tmpfiles.conf" /usr/lib/tmpfiles.d/stuckd.conf
  put 0644 "$tree/deploy/systemd/README.md" $documentation/README.md
  put 0644 "$tree/deploy/systemd/polling.conf" $documentation/polling.conf
  put 0644 "$tree/deploy/stuckd.example.yaml" $documentation/stuckd.example.yaml
  put 0644 "$tree/LICENSE" $documentation/LICENSE
  put 0644 "$tree/bpf/LICENSE" $documentation/LICENSE.bpf
}

# Nothing in it: what is written there would stay when an upgrade brings better defaults.
first_configuration() {
  cat <<'END'
# Configuration of stuckd. Nothing needs to be configured: every key has a default, and
# /usr/share/doc/stuckd/stuckd.example.yaml has every key, with comments.
# "systemctl reload stuckd" checks and applies what you change here.
END
}

# Users and directories first: the configuration goes into one of them. What is there already stays as it is.
prepare_machine() {
  live || return 0
  systemd-sysusers /usr/lib/sysusers.d/stuckd.conf
  systemd-tmpfiles --create /usr/lib/tmpfiles.d/stuckd.conf
  if [ ! -e "$configuration" ]; then
    first_configuration >"$configuration"
    # For the daemon and nobody else: the group stuckd is for people. /etc is read-only to the services.
    chown stuckd:stuckd "$configuration"
    chmod 0600 "$configuration"
  fi
  # As the daemon will read it.
  setpriv --reuid=stuckd --regid=stuckd --init-groups --no-new-privs /usr/bin/stuckd config check "$configuration" ||
    fail 'the new programs are in place, but were not started: let the user stuckd read the configuration and run this again'
  # A daemon that root has started by hand leaves files that the service could not open.
  [ ! -d /var/lib/stuckd ] || chown -Rh stuckd:stuckd /var/lib/stuckd
}

start_services() {
  live || return 0
  systemctl daemon-reload
  systemctl enable --quiet stuckd.service
  version=$("$node" "$tree/build/bin/stuckd.js" --version)
  [ "$start" = yes ] || {
    if runs; then verb=restart; else verb=start; fi
    say "$version is installed; \"systemctl $verb stuckd\" ${verb}s it"
    return 0
  }
  # What failed before an upgrade gets all its attempts again.
  systemctl reset-failed stuckd.service stuckd-sensor.service 2>/dev/null || true
  systemctl restart stuckd.service || {
    # Before it tries again and again, which would bury the reason.
    systemctl stop stuckd.service
    journalctl --sync || true
    journalctl -u stuckd -u stuckd-sensor -o cat -n 20 --no-pager >&2 || true
    fail 'stuckd does not start and was stopped; "journalctl -u stuckd -u stuckd-sensor" has the rest'
  }
  remove_old_parts
  say "$version runs. Next:"'
  stuckctl status             is it all right?
  stuckctl list               what is stuck now
  curl localhost:9735/metrics   for Prometheus
  journalctl -u stuckd -f     its log
  /etc/stuckd/stuckd.yaml     its configuration; "systemctl reload stuckd" applies it
  usermod -aG stuckd NAME     lets NAME use stuckctl without sudo'
}

install() {
  check_node
  check_build
  check_versions
  check_foreground
  check_configuration
  check_kernel
  put_programs
  put_manual
  put_settings
  prepare_machine
  start_services
}

uninstall() {
  if live; then
    # Whatever of it is there: an installation may be incomplete.
    systemctl disable --now --quiet stuckd.service 2>/dev/null || true
    systemctl stop stuckd-sensor.service 2>/dev/null || true
  fi
  # systemd does not disable a unit that is masked.
  rm -f "$root/etc/systemd/system/multi-user.target.wants/stuckd.service"
  for unit in $units; do
    rm -f "$root/usr/lib/systemd/system/$unit"
  done
  rm -f "$root/usr/lib/sysusers.d/stuckd.conf" "$root/usr/lib/tmpfiles.d/stuckd.conf"
  rm -f "$root/usr/bin/stuckd" "$root/usr/bin/stuckctl"
  for page in $pages; do
    rm -f "$root/usr/share/man/man${page##*.}/$page"
  done
  for program in stuckd stuckctl; do
    rm -f "$root/usr/share/bash-completion/completions/$program" "$root/usr/share/zsh/vendor-completions/_$program" \
      "$root/usr/share/fish/vendor_completions.d/$program.fish"
  done
  rm -rf "${root}$library" "$root$documentation"
  if live; then
    systemctl daemon-reload
    systemctl reset-failed stuckd.service stuckd-sensor.service 2>/dev/null || true
  fi
  if [ "$purge" = yes ]; then
    rm -rf "$root/etc/stuckd" "$root/var/lib/stuckd"
    live && remove_users
  fi
  say 'removed'
  [ "$purge" = yes ] || say 'the state in /var/lib/stuckd, the configuration in /etc/stuckd and the users are still there (--purge)'
  for unit in $units; do
    for drop_in in "$root/etc/systemd/system/$unit.d"/*; do
      [ ! -e "$drop_in" ] || say "a drop-in of yours is still there: $drop_in"
    done
  done
}

# userdel leaves a group that has members.
remove_users() {
  for user in stuckd stuckd-sensor; do
    if getent passwd "$user" >/dev/null; then
      userdel "$user" || say "the user $user is still there"
    fi
    if getent group "$user" >/dev/null; then
      groupdel "$user" || say "the group $user is still there"
    fi
  done
}

parse "$@"
check_system
"$action"
