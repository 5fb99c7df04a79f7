// What a test has to know of the sanitizers that watch it.
#pragma once

namespace papilio::test {

// AddressSanitizer keeps its notes in 20 TB of addresses: no limit on them holds beside it.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif
#else
inline constexpr bool kAddressSanitizer = false;
#endif

}  // namespace papilio::test
