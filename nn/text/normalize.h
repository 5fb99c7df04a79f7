// Text in one form: what looks the same is the same.
#pragma once

#include <string>
#include <string_view>

namespace papilio::nn {

// Unicode's normal form C: characters decomposed, marks in their order, composed again. Bytes that
// are no UTF-8 stay. Of Unicode 14.
std::string nfc(std::string_view text);

// Every character's lower case, whatever stands around it (a final sigma becomes one in the
// middle, as in Hugging Face's tokenizers). Bytes that are no UTF-8 stay.
std::string lower_case(std::string_view text);

}  // namespace papilio::nn
