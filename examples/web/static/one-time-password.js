/** The one-time password in a text that a user types or pastes. The server reads it in the same way. */

const INPUT_MAX_LENGTH = 256;
// What surrounds a code that is copied from an app or a chat: white space, dashes, quotation marks, invisible characters.
const SEPARATORS = /[\p{White_Space}\p{Dash}˗⁃ー\p{Quotation_Mark}`′″\p{Default_Ignorable_Code_Point}]+/gu;
// Superscripts, numbers in circles and Roman numerals: NFKC would make digits and letters of them.
const OTHER_NUMBERS = /[\p{No}\p{Nl}]/u;

/**
 * Returns the six digits, or null if the text is anything else. NFKC makes ASCII of full-width digits.
 * @param {string} text
 */
export function otpIn(text) {
  if ([...text].length > INPUT_MAX_LENGTH || OTHER_NUMBERS.test(text)) {
    return null;
  }
  const otp = text.normalize("NFKC").replace(SEPARATORS, "");
  return /^[0-9]{6}$/.test(otp) ? otp : null;
}
