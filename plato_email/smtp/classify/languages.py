# ruff: noqa: E501
"""The few words that decide, in other languages than English: most servers speak no other."""

from __future__ import annotations

import re

# German, French, Spanish, Italian, Portuguese, Polish, Russian, Chinese.
_STEMS = (
    (r"kein\w* (empfänger|benutzer|postfach)|不存在|用户不存在", "user unknown"),
    (r"unbekannt\w*|inconnu\w*|desconocid\w*|sconosciut\w*|inesistente|nie istnieje|nieznany"
     r"|неизвест\w*|не существует|не найден\w*", "unknown"),
    (r"gehört nicht|n'appartient pas|no pertenece|non appartiene|не принадлежит|不属于", "not belong"),
    (r"stimmt nicht|entspricht nicht|ne correspond pas|no coincide|non corrisponde|не соответствует|不一致|不匹配", "not match"),
    (r"\bnon? (vérifié|verificad|verificat)\w*|nicht (verifiziert|bestätigt)\w*|не подтвержд[её]н\w*|未验证", "not verified"),
    (r"nicht (aktiviert|freigeschaltet)|pas activée?|no (está )?activad\w*|non (è )?attiv\w*|не включен\w*|отключ[её]н\w*|未开启|未开通", "not enabled"),
    (r"такого пользователя нет|nie ma takiego (konta|użytkownika)|пользовател\w+ не найден\w*", "user unknown"),
    (r"n'existe pas|no existe|non esiste|existiert nicht|nicht gefunden|introuvable", "does not exist"),
    (r"konto\w*|compte\w*|cuenta\w*|\bconta\b|аккаунт\w*|уч[её]тн\w+ запись"
     r"|[帐账][号户]", "account"),
    (r"gesperrt\w*|bloqu[ée]\w*|bloquead\w*|bloccat\w*|zablokowan\w*|заблокирован\w*"
     r"|停用|封禁|禁用", "blocked"),
    (r"suspendu\w*|suspendid\w*|sospes\w*|приостановлен\w*", "suspended"),
    (r"deaktiviert\w*|désactiv\w*|desactivad\w*|disattivat\w*|abgeschaltet\w*", "disabled"),
    (r"tages(limit|kontingent|grenze)\w*", "daily limit"),
    (r"kontingent\w*|\blimites?\b|límite\w*|grenze\w*|лимит\w*|限制|限额|上限", "limit"),
    (r"quotidien\w*|journali\w*|täglich\w*|diari[oa]\w*|giornalier\w*|dzienn\w*|суточн\w*|每[日天]", "daily"),
    (r"stündlich\w*|horaire\w*|orari[oa]|por hora|每小时", "hourly"),
    (r"überschritten|ueberschritten|erschöpft|dépass\w*|superat\w*|superad\w*|excedid\w*|atteint\w*|erreicht"
     r"|raggiunt\w*|alcanzad\w*|przekroczon\w*|превышен\w*|超过|超出", "exceeded"),
    (r"versand|versenden|d'envoi|de envio|de envío|di invio|отправк\w*|发信|发送", "sending"),
    (r"postfach\w*|bo[iî]te( aux lettres)?|buzón|casella|skrzynka|почтов\w+ ящик|邮箱", "mailbox"),
    (r"\bvoll\b|\bpleine?\b|\bllen[oa]\b|\bpien[oa]\b|pełna|переполнен\w*|已满", "full"),
    (r"absender\w*|expéditeur|remitente|mittente|nadawc\w*|отправител\w*|发件人", "sender"),
    (r"empfänger\w*|destinataire\w*|destinatari[oa]\w*|odbiorc\w*|получател\w*|收件人", "recipient"),
    (r"授权码|app-?passwort|anwendungspasswort|anwendungsspezifisch\w+ password|парол\w+ приложен\w*", "authorization code"),
    (r"passwort|kennwort|mot de passe|contraseña|senha|hasło|парол\w*|密码", "password"),
    (r"falsch\w*|erroné\w*|incorrect[ao]s?\b|errat\w*|błędn\w*|неверн\w*|错误", "wrong"),
    (r"abgelaufen|expirée?|caducad\w*|scadut\w*|истек\w*", "expired"),
    (r"zu viele|trop de|demasiad[oa]s|troppi|troppe|zbyt wiele|слишком много", "too many"),
    (r"verbindungen|connexions|conexiones|connessioni|подключен\w*|连接", "connections"),
    (r"nachrichten|messaggi|mensajes|mensagens|wiadomości|сообщен\w*|писем", "messages"),
    (r"(excede|supera|dépasse|überschreitet|przekracza) .{0,12}(tamaño|dimension\w*|taille|größe|rozmiar)\w*", "too large"),
    (r"zu gro(ß|ss)\w*|trop (gros|grand|volumineux)|demasiado grande|troppo grande", "too large"),
    (r"(später|spaeter) (erneut|noch|wieder)\w*|plus tard|más tarde|mas tarde|più tardi|позже|稍后", "try again later"),
    (r"langsamer", "more slowly"),
    (r"liste grise|lista gris|graue liste", "greylist"),
    (r"pourriel|indésirable|correo no deseado", "spam"),
    (r"anhang|anhänge|pièce jointe|adjunto|allegato", "attachment"),
    (r"verschlüssel\w*|chiffrement|cifrado|crittografia", "encryption required"),
    (r"weiterleit\w* (nicht|verweigert)|relais (refus|interdit)\w*", "relay denied"),
    (r"nicht (erlaubt|gestattet|zulässig|berechtigt)|pas (autoris\w*|permis)|no (está )?(permitid|autorizad)\w*"
     r"|non (è )?(autorizzat|consentit|permess)\w*|не разреш\w*|不允许", "not allowed"),
)  # fmt: skip
_TABLE = tuple((re.compile(stem, re.IGNORECASE), f" {english} ") for stem, english in _STEMS)


def in_english(words: str) -> str:
    """``words`` with those that decide replaced by the English ones."""
    for stem, english in _TABLE:
        words = stem.sub(english, words)
    return words
