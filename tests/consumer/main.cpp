// A program outside the tree: everything it needs comes with the library.
#include <papilio/autograd/backward.h>
#include <papilio/tensor/creation.h>

#include <cstdio>

int main() {
  const papilio::Tensor x = papilio::ones({2, 3});
  std::printf("%lld elements\n", static_cast<long long>(x.numel()));
  return x.numel() == 6 ? 0 : 1;
}
