// Names of the standard library, and the headers of which any one declares them.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace papilio::test {

// Headers, first the usual one, and names; without the "std::" that they are used with, or with
// std::ranges::.
inline const std::vector<std::pair<std::string, std::string>> standard_names = {
    {"algorithm",
     "all_of any_of binary_search clamp copy copy_backward copy_if copy_n count count_if "
     "equal fill fill_n find find_if find_if_not for_each generate is_sorted "
     "lexicographical_compare lower_bound max max_element min min_element minmax "
     "minmax_element mismatch none_of nth_element partial_sort partition remove_copy_if "
     "remove_if replace replace_if reverse rotate search shuffle sort stable_partition "
     "stable_sort swap_ranges transform unique upper_bound"},
    {"any", "any any_cast bad_any_cast make_any"},
    {"array", "array"},
    {"array deque iterator list map regex set span string string_view unordered_map "
     "unordered_set vector",
     "begin cbegin data empty end rbegin rend size ssize"},
    {"array deque list map set span string unordered_map unordered_set vector", "erase erase_if"},
    {"atomic", "atomic atomic_ref memory_order_acquire memory_order_relaxed memory_order_release"},
    {"barrier", "barrier"},
    {"bit",
     "bit_cast bit_ceil bit_floor bit_width countl_zero countr_zero endian has_single_bit "
     "popcount rotl rotr"},
    {"bitset", "bitset"},
    {"cctype",
     "isalnum isalpha isdigit islower isprint ispunct isspace isupper isxdigit tolower "
     "toupper"},
    {"cfenv", "fegetround fesetround"},
    {"charconv", "chars_format from_chars to_chars"},
    {"chrono", "chrono chrono_literals"},
    {"cmath",
     "acos asin atan atan2 cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs floor "
     "fma fmax fmin fmod frexp hypot isfinite isinf isnan isnormal ldexp lerp llrint "
     "llround log log10 log1p log2 lrint lround nan nanf nearbyint nextafter pow remainder "
     "rint round signbit sin sinh sqrt tan tanh trunc"},
    {"cmath cstdlib", "abs"},
    {"compare", "partial_ordering strong_ordering"},
    {"complex", "complex"},
    {"concepts", "convertible_to derived_from floating_point integral invocable same_as"},
    {"condition_variable", "condition_variable"},
    {"coroutine", "coroutine_handle"},
    {"csetjmp", "jmp_buf longjmp"},
    {"csignal signal.h", "raise sig_atomic_t signal"},
    {"cstdarg", "va_list"},
    {"cstddef", "byte max_align_t"},
    {"cstdint stdint.h", "uintmax_t"},
    {"cstdio stdio.h",
     "clearerr fclose feof ferror fflush fgets fileno fopen fprintf fputc fputs fread "
     "fseek ftell fwrite getc perror printf putchar puts remove rename setvbuf snprintf "
     "sscanf vsnprintf"},
    {"cstdlib", "div strtof"},
    {"cstdlib stdlib.h",
     "_Exit abort aligned_alloc atexit atof atoi atol atoll calloc exit free getenv malloc "
     "quick_exit realloc strtod strtol strtoll strtoull system"},
    {"cstring string.h",
     "memchr memcmp memcpy memmove memset strchr strcmp strcpy strerror strlen strncmp "
     "strncpy strrchr strstr"},
    {"ctime", "clock gmtime localtime mktime strftime time time_t tm"},
    {"cwchar", "wstring"},
    {"deque", "deque"},
    {"exception",
     "current_exception exception_ptr rethrow_exception terminate uncaught_exceptions"},
    {"exception stdexcept new", "exception"},
    {"execution", "execution"},
    {"filesystem", "filesystem"},
    {"fstream", "fstream ifstream ofstream"},
    {"functional", "equal_to function greater hash invoke less multiplies plus"},
    {"future", "async future promise"},
    {"initializer_list array deque list map regex set span string string_view "
     "unordered_map unordered_set vector utility",
     "initializer_list"},
    {"iomanip", "put_time quoted setfill setprecision setw"},
    {"ios istream ostream iostream sstream fstream iomanip",
     "boolalpha defaultfloat fixed hex ios ios_base left right scientific streamsize"},
    {"iostream", "cerr cin clog cout"},
    {"istream iostream sstream fstream iosfwd", "istream"},
    {"iterator",
     "advance back_inserter distance inserter istream_iterator istreambuf_iterator "
     "iterator_traits make_move_iterator next ostream_iterator prev reverse_iterator"},
    {"latch", "latch"},
    {"limits", "numeric_limits"},
    {"list", "list"},
    {"locale", "locale"},
    {"map", "map multimap"},
    {"memory",
     "addressof default_delete enable_shared_from_this make_shared make_unique "
     "make_unique_for_overwrite shared_ptr unique_ptr weak_ptr"},
    {"mutex", "call_once lock_guard mutex once_flag recursive_mutex scoped_lock unique_lock"},
    {"new", "align_val_t bad_alloc launder nothrow"},
    {"numbers", "numbers::e numbers::pi numbers::pi_v numbers::sqrt2"},
    {"numeric",
     "accumulate adjacent_difference exclusive_scan gcd inclusive_scan inner_product iota "
     "lcm midpoint partial_sum reduce transform_reduce"},
    {"optional", "nullopt optional"},
    {"ostream iostream sstream fstream iosfwd", "endl flush ostream"},
    {"queue", "priority_queue queue"},
    {"random",
     "mt19937 mt19937_64 normal_distribution random_device uniform_int_distribution "
     "uniform_real_distribution"},
    {"ranges", "views"},
    {"ratio", "micro milli nano ratio"},
    {"regex",
     "cmatch regex regex_match regex_replace regex_search smatch sregex_iterator "
     "sregex_token_iterator"},
    {"semaphore", "binary_semaphore counting_semaphore"},
    {"set", "multiset set"},
    {"shared_mutex", "shared_lock shared_mutex"},
    {"source_location", "source_location"},
    {"span", "span"},
    {"sstream", "istringstream ostringstream stringstream"},
    {"stack", "stack"},
    {"stdexcept",
     "domain_error invalid_argument length_error logic_error out_of_range overflow_error "
     "runtime_error"},
    {"stop_token", "stop_source stop_token"},
    {"string", "getline stod stof stoi stol stoll stoull string string_literals to_string"},
    {"string_view", "string_view string_view_literals"},
    {"system_error", "errc error_code generic_category system_error"},
    {"thread", "jthread this_thread thread"},
    {"tuple", "make_tuple tie tuple"},
    {"tuple utility array variant", "get"},
    {"type_traits",
     "common_type_t conditional_t decay_t enable_if_t false_type integral_constant "
     "invoke_result_t is_arithmetic_v is_base_of_v is_const_v is_constructible_v "
     "is_convertible_v is_empty_v is_enum_v is_floating_point_v is_integral_v "
     "is_invocable_r_v is_invocable_v is_pointer_v is_same_v is_signed_v "
     "is_trivially_copyable_v is_unsigned_v is_void_v make_signed_t make_unsigned_t "
     "remove_const_t remove_cvref_t remove_pointer_t remove_reference_t true_type "
     "type_identity_t underlying_type_t void_t"},
    {"typeindex", "type_index"},
    {"typeinfo", "type_info"},
    {"unordered_map", "unordered_map"},
    {"unordered_set", "unordered_set"},
    {"utility",
     "as_const declval exchange forward in_place index_sequence index_sequence_for "
     "integer_sequence make_index_sequence make_integer_sequence make_pair move pair swap"},
    {"valarray", "valarray"},
    {"variant", "get_if holds_alternative monostate variant visit"},
    {"vector", "vector"},
};

// Those of C, used with or without "std::".
inline const std::vector<std::pair<std::string, std::string>> c_names = {
    {"cassert assert.h", "assert"},
    {"cerrno errno.h",
     "EACCES EAGAIN EEXIST EINTR EINVAL EIO EISDIR ENOENT ENOSPC ENOTDIR EXDEV errno"},
    {"cfloat", "DBL_EPSILON DBL_MAX FLT_EPSILON FLT_MAX FLT_MIN"},
    {"climits limits.h", "CHAR_BIT INT_MAX INT_MIN LONG_MAX PATH_MAX UINT_MAX"},
    {"cmath", "INFINITY M_PI NAN"},
    {"cstdarg", "va_start"},
    {"cstddef", "offsetof ptrdiff_t"},
    {"cstddef cstdio cstdlib cstring ctime", "size_t"},
    {"cstdint stdint.h",
     "INT32_MAX INT64_MAX INT64_MIN SIZE_MAX UINT32_MAX UINT64_MAX int16_t int32_t int64_t "
     "int8_t intptr_t uint16_t uint32_t uint64_t uint8_t uintptr_t"},
    {"cstdio stdio.h", "EOF FILE stderr stdin stdout"},
    {"cstdlib stdlib.h", "EXIT_FAILURE EXIT_SUCCESS"},
};

}  // namespace papilio::test
