// The commands of papilio. Each takes the words behind its name and returns the exit code.
#pragma once

#include <string>
#include <vector>

namespace papilio::cli {

using Words = std::vector<std::string>;

int train(const Words& words);
int finetune(const Words& words);
int evaluate(const Words& words);
int merge(const Words& words);
int convert(const Words& words);
int predict(const Words& words);
int inspect(const Words& words);
int data(const Words& words);
int demo(const Words& words);

}  // namespace papilio::cli
