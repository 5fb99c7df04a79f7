// Texts inside the program: two authors, for the demonstration of language models.
#pragma once

#include <string>

namespace papilio::cli {

// The first half of Jane Austen's "Pride and Prejudice" (1813), and the book of Genesis in the King
// James Version (1611), a verse a line; samples/data/README.md says where they are from. UTF-8.
std::string austen_text();
std::string genesis_text();

}  // namespace papilio::cli
