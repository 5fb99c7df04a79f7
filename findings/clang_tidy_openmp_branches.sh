#!/bin/bash
# clang-tidy 14.0.6 and 23.1.4, bugprone-branch-clone: two loops under the same OpenMP directive count as identical, whatever
# they do.
#
# An if whose branches are `#pragma omp simd` (or `parallel for`) loops with other bodies gets "if with identical then and
# else branches", and a switch its "consecutive identical branches". The bodies of a directive for loops are not looked at,
# only the directive and its clauses: another clause in one branch, and nothing is said. Bodies of other directives
# (`critical`) are compared, as all is without -fopenmp or -fopenmp-simd.
# Seen: with -fopenmp lines 2 and 20 of the file below, and no other; without it none.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cat > "$folder/branches.cpp" <<'CPP'
void simd(float* y, int n, bool square) {
  if (square) {  // line 2: said to be identical
#pragma omp simd
    for (int i = 0; i < n; ++i) y[i] *= y[i];
  } else {
#pragma omp simd
    for (int i = 0; i < n; ++i) y[i] += 1;
  }
}
void other_clause(float* y, int n, bool square) {
  if (square) {
#pragma omp simd
    for (int i = 0; i < n; ++i) y[i] *= y[i];
  } else {
#pragma omp simd safelen(4)
    for (int i = 0; i < n; ++i) y[i] += 1;
  }
}
void threads(float* y, int n, bool square) {
  if (square) {  // line 20: said to be identical
#pragma omp parallel for
    for (int i = 0; i < n; ++i) y[i] *= y[i];
  } else {
#pragma omp parallel for
    for (int i = 0; i < n; ++i) y[i] += 1;
  }
}
void no_loop(float* y, bool square) {
  if (square) {
#pragma omp critical
    { y[0] *= y[0]; }
  } else {
#pragma omp critical
    { y[0] += 1; }
  }
}
CPP
python3 -m venv "$folder/venv"
for version in 14.0.6 23.1.4; do
  "$folder/venv/bin/pip" -q install "clang-tidy==$version"
  for option in -fopenmp -w; do
    said=$("$folder/venv/bin/clang-tidy" -checks=-*,bugprone-branch-clone "$folder/branches.cpp" -- $option 2> /dev/null |
      sed -n 's/.*branches.cpp:\([0-9]*\):.*identical then and else.*/\1/p' | paste -sd ' ')
    echo "$version $option: lines '$said'"
    [[ $option == -fopenmp ]] && want='2 20' || want=
    [[ $said == "$want" ]] || { echo 'this has changed'; exit 1; }
  done
done
