#!/bin/bash
# g++ 12.2.0 (Debian 12.2.0-14+deb12u1), -O3 -march=x86-64-v4: a struct of seven constants that is passed by value to a
# constructor, here {1, 1, 0, 0, 1, 1, 1}, arrives as {1, 1, 1, 0, 1, 1, 1}.
#
# The first four words of the argument, which were put together as the vector {1, 1, 0, 0}, are stored from a register
# that holds four ones instead; the fourth word is overwritten by the copy of the rest. The program is valid C++ and says
# 0 0 with -O2, with -march=x86-64-v3, with -fno-tree-slp-vectorize, or if the struct is passed by reference.
# Seen: in the assembly of f the store to (%rsp) comes from vpbroadcastq; without SLP vectorisation it does not.
# It takes Debian 12's package sources.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
readonly version=12.2.0-14+deb12u1
apt-get -q -o APT::Sandbox::User=root download "g++-12=$version" "cpp-12=$version" libisl23 libmpc3 libmpfr6 libgmp10 \
  > /dev/null
for package in *.deb; do dpkg -x "$package" root; done
cat > call.cpp <<'CPP'
struct Pair { long h, w; constexpr Pair(long both) : h(both), w(both) {} };
struct Options { Pair stride = 1; Pair padding = 0; Pair dilation = 1; long groups = 1; };
struct Kernel { long size[2]; };
struct Convolution { Convolution(long in, long out, Kernel kernel, Options options = {}); };
Convolution* f() { return new Convolution(8, 16, {1, 1}); }
CPP
compile() {
  LD_LIBRARY_PATH=root/usr/lib/x86_64-linux-gnu root/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus -quiet -std=c++20 -O3 \
    -march=x86-64-v4 "$@" call.cpp -o call.s
  # The instruction that last wrote the register whose content goes to (%rsp), the first word of the argument.
  awk '{ gsub(/,/, "") }
       $NF ~ /^%[xyz]mm/ { writer[$NF] = $1 }
       $1 ~ /^vmovdq|^vmovap|^vmovup/ && $NF == "(%rsp)" { print writer[$2]; exit }
       /call.*Convolution/ { print "none"; exit }' call.s
}
got=$(compile) without=$(compile -fno-tree-slp-vectorize)
echo "the first words of the argument come from: $got; without SLP vectorisation: $without"
[[ $got == vpbroadcastq ]] || { echo "g++ passes the options as they are now"; exit 1; }
[[ $without != vpbroadcastq ]] || { echo "it is not SLP vectorisation now"; exit 1; }
